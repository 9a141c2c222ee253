#include "kernels/agglomeration.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"
#include "tests/support/ward_oracle.h"

namespace sluice::kernels {
namespace {

using Rows = std::vector<std::int32_t>;

struct Case {
  std::vector<float> rows;
  std::int64_t width = 1;
  std::vector<std::int64_t> weights;
};

Rows clusters_of(const Case& of, std::int64_t count,
                 InstructionSet set = default_instruction_set()) {
  Resources resources(1, set);
  AgglomerationWorkspace workspace;
  Rows cluster(of.weights.size());
  agglomerate(resources.rows(), of.rows, of.width, of.weights, count, workspace, cluster);
  return cluster;
}

Case random_case(test::Random& random, std::int64_t most_rows, std::int64_t most_width) {
  Case made;
  const std::int64_t n = random.integer(1, most_rows);
  made.width = random.integer(1, most_width);
  made.rows = test::random_clip(random, {1, n, made.width});
  for (std::int64_t i = 0; i < n; ++i) made.weights.push_back(random.integer(1, 9));
  return made;
}

TEST(Agglomeration, IsThatOfAllPairsAtEveryStep) {
  test::Random random(1);
  AgglomerationWorkspace workspace;  // reused: what an earlier call left must not matter
  Resources resources(1);
  for (std::int64_t round = 0; round < test::cases(2000); ++round) {
    const Case made = random_case(random, 60, 40);
    const auto n = static_cast<std::int64_t>(made.weights.size());
    const std::int64_t count = random.integer(1, n);
    Rows cluster(made.weights.size());
    agglomerate(resources.rows(), made.rows, made.width, made.weights, count, workspace, cluster);
    const auto expected = test::ward_oracle<float>(made.rows, static_cast<std::size_t>(made.width),
                                                   made.weights, static_cast<std::size_t>(count));
    for (std::size_t c = 0; c < expected.size(); ++c)
      for (const std::size_t member : expected[c].members)
        ASSERT_EQ(cluster[member], static_cast<std::int32_t>(c))
            << "round " << round << ", row " << member << " of " << n << " in " << count;
  }
}

TEST(Agglomeration, OfOneDimensionByHand) {
  const Case line{{0, 10, 1, 12, 30}, 1, {1, 1, 1, 1, 1}};
  EXPECT_EQ(clusters_of(line, 4), (Rows{0, 1, 0, 2, 3}));
  EXPECT_EQ(clusters_of(line, 3), (Rows{0, 1, 0, 1, 2}));
  EXPECT_EQ(clusters_of(line, 2), (Rows{0, 0, 0, 0, 1}));
  EXPECT_EQ(clusters_of(line, 1), (Rows{0, 0, 0, 0, 0}));
}

TEST(Agglomeration, HeavyRowsCostMoreToMove) {
  // Without weights 0 and 1 would merge; moving 100 tokens by 0.5 costs more than moving 2 by 1.
  const Case line{{0, 1, 3, 5}, 1, {100, 100, 1, 1}};
  EXPECT_EQ(clusters_of(line, 3), (Rows{0, 1, 2, 2}));
}

TEST(Agglomeration, TiesGoToTheLowestRows) {
  const Case alike{std::vector<float>(6, 2.0f), 1, std::vector<std::int64_t>(6, 1)};
  EXPECT_EQ(clusters_of(alike, 4), (Rows{0, 0, 0, 1, 2, 3}));
  const Case spaced{{0, 1, 2, 3, 4, 5}, 1, std::vector<std::int64_t>(6, 1)};
  EXPECT_EQ(clusters_of(spaced, 5), (Rows{0, 0, 1, 2, 3, 4}));
}

TEST(Agglomeration, EachRowByItselfOrAllTogether) {
  test::Random random(2);
  const Case made = random_case(random, 30, 5);
  const auto n = static_cast<std::int64_t>(made.weights.size());
  Rows each(made.weights.size());
  std::iota(each.begin(), each.end(), 0);
  EXPECT_EQ(clusters_of(made, n), each);
  EXPECT_EQ(clusters_of(made, 1), Rows(made.weights.size(), 0));
}

TEST(Agglomeration, IsTheSameOnEveryInstructionSet) {
  test::Random random(3);
  for (std::int64_t round = 0; round < test::cases(400); ++round) {
    Case made = random_case(random, 80, 200);
    // Rows that are nearly alike: rounding would decide.
    for (std::size_t i = 0; i < made.rows.size(); ++i)
      made.rows[i] = 1.0f + 0x1p-22f * static_cast<float>(random.integer(0, 3));
    const std::int64_t count = random.integer(1, std::ssize(made.weights));
    const Rows expected = clusters_of(made, count);
    for (const InstructionSet set : available_instruction_sets())
      ASSERT_EQ(clusters_of(made, count, set), expected) << name(set) << ", round " << round;
  }
}

TEST(Agglomeration, HugeFeaturesAndWeightsDoNotOverflow) {
  const float huge = std::numeric_limits<float>::max();
  const std::int64_t heavy = std::int64_t{1} << 50;
  const Case made{{-huge, huge, huge}, 1, {heavy, heavy, heavy}};
  EXPECT_EQ(clusters_of(made, 2), (Rows{0, 1, 1}));
  EXPECT_EQ(clusters_of(made, 1), (Rows{0, 0, 0}));
}

TEST(Agglomeration, RefusesWhatCantBe) {
  const Case two{{0, 1}, 1, {1, 1}};
  EXPECT_CONTAINS(test::input_error_of([&] { (void)clusters_of(two, 0); }), "0 clusters of 2 rows");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)clusters_of(two, 3); }), "3 clusters");
  const Case light{{0, 1}, 1, {1, 0}};
  EXPECT_CONTAINS(test::input_error_of([&] { (void)clusters_of(light, 1); }), "weight below 1");
  const Case ragged{{0, 1, 2}, 1, {1, 1}};
  EXPECT_CONTAINS(test::input_error_of([&] { (void)clusters_of(ragged, 1); }), "3 features");
}

}  // namespace
}  // namespace sluice::kernels

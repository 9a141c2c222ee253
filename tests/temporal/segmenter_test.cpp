#include "temporal/segmenter.h"

#include <gtest/gtest.h>

#include "kernels/error.h"
#include "tests/support/oracles.h"
#include "tests/support/random_clip.h"

namespace sluice::temporal {
namespace {

kernels::BitMask mask_of(const std::vector<bool>& bits) {
  kernels::BitMask mask(static_cast<std::int64_t>(bits.size()));
  for (std::size_t p = 0; p < bits.size(); ++p)
    if (bits[p]) mask.set(static_cast<std::int64_t>(p));
  return mask;
}

std::vector<Segment> run(Segmenter& segmenter, const std::vector<std::vector<bool>>& redundant,
                         std::int64_t positions) {
  segmenter.push(kernels::BitMask(positions));
  for (const auto& bits : redundant) segmenter.push(mask_of(bits));
  segmenter.finish();
  std::vector<Segment> segments;
  while (const auto segment = segmenter.next()) segments.push_back(*segment);
  return segments;
}

TEST(Segmenter, TheTestVector) {
  // worked out by hand: dp = [0,2,2,5], segments (0,1) and (2,3).
  Segmenter segmenter(3, {1024, 0});
  const auto segments =
      run(segmenter, {{true, true, false}, {true, false, false}, {true, true, true}}, 3);
  EXPECT_EQ(segments, (std::vector<Segment>{{0, 1}, {2, 3}}));
  EXPECT_EQ(segmenter.gain(), 5);
}

TEST(Segmenter, IdenticalFramesAreOneSegmentOrAsLongAsAllowed) {
  const std::vector<std::vector<bool>> all(9, std::vector<bool>(4, true));
  Segmenter unlimited(4, {1024, 0});
  EXPECT_EQ(run(unlimited, all, 4), (std::vector<Segment>{{0, 9}}));
  Segmenter limited(4, {4, 0});
  for (const auto& segment : run(limited, all, 4)) EXPECT_LE(segment.frames(), 4);
  EXPECT_EQ(limited.gain(), 3 * 4 + 3 * 4 + 4);
}

TEST(Segmenter, NothingRedundantMeansSingletons) {
  Segmenter segmenter(2, {1024, 0});
  const auto segments = run(segmenter, {{false, false}, {false, false}}, 2);
  EXPECT_EQ(segments, (std::vector<Segment>{{0, 0}, {1, 1}, {2, 2}}));
}

TEST(Segmenter, AgreesWithTheQuadraticOracle) {
  test::Random random(41);
  for (std::int64_t round = 0; round < test::cases(20'000, 10); ++round) {
    const std::int64_t frames = random.integer(1, 30);
    const std::int64_t positions = random.integer(1, 12);
    const std::int64_t window = random.chance(0.3) ? random.integer(1, 8) : 1024;
    const double chance = random.between(0.3, 1.0);
    std::vector<std::vector<bool>> redundant;
    for (std::int64_t f = 0; f + 1 < frames; ++f) {
      redundant.emplace_back();
      for (std::int64_t p = 0; p < positions; ++p)
        redundant.back().push_back(random.chance(chance));
    }
    const auto expected = test::segment(redundant, frames, positions, window);
    Segmenter segmenter(positions, {window, 0});
    const auto segments = run(segmenter, redundant, positions);
    ASSERT_EQ(segments.size(), expected.segments.size()) << "round " << round;
    for (std::size_t s = 0; s < segments.size(); ++s) {
      ASSERT_EQ(segments[s].first, expected.segments[s].first) << "round " << round;
      ASSERT_EQ(segments[s].last, expected.segments[s].second) << "round " << round;
    }
    ASSERT_EQ(segmenter.gain(), expected.best.back());
  }
}

TEST(Segmenter, AForcedCutLeavesAfterTheLatencyBound) {
  Segmenter segmenter(3, {1024, 5});
  const kernels::BitMask all(3, true);
  for (int f = 0; f < 5; ++f) {
    EXPECT_FALSE(segmenter.next().has_value());
    segmenter.push(all);
  }
  const auto segment = segmenter.next();
  ASSERT_TRUE(segment.has_value());
  EXPECT_EQ(*segment, (Segment{0, 4, true}));
  EXPECT_EQ(segmenter.forced_cuts(), 1);
  EXPECT_EQ(segmenter.waiting(), 0);
}

TEST(Segmenter, LatencyOfOneFrameGivesSingletons) {
  Segmenter segmenter(2, {1024, 1});
  for (int f = 0; f < 4; ++f) {
    segmenter.push(kernels::BitMask(2, true));
    const auto segment = segmenter.next();
    ASSERT_TRUE(segment.has_value());
    EXPECT_EQ(segment->frames(), 1);
  }
}

TEST(Segmenter, RejectsImpossibleSettings) {
  EXPECT_THROW(Segmenter(0, {}), Error);
  EXPECT_THROW(Segmenter(3, {0, 0}), Error);
  EXPECT_THROW(Segmenter(3, {8, -1}), Error);
  Segmenter segmenter(3, {});
  EXPECT_THROW(segmenter.push(kernels::BitMask(4)), Error);
}

}  // namespace
}  // namespace sluice::temporal

#include "policy/segment_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/error.h"
#include "tests/support/random_ticks.h"

namespace sluice::policy {
namespace {

constexpr std::int32_t positions = 6;  // 2 × 3
constexpr std::int64_t width = 4;

/// As a VideoReducer makes them: `n` tokens from frame `first` on, at different positions.
stream::TokenBatch segment_of(test::Random& random, std::int32_t first, std::int64_t n) {
  auto all = test::camera_tokens(random, "camera", 2, 3, width, first);
  stream::TokenBatch batch;
  batch.source = all.source;
  batch.features.reshape(kernels::DType::f32, {n, width});
  for (std::int32_t row = 0; row < n; ++row) {
    const auto p = static_cast<std::int32_t>(row % positions);
    std::memcpy(batch.features.as<float>().data() + row * width, all.features.view().row(p),
                width * sizeof(float));
    batch.key.push_back(p);
    batch.frame.push_back(first + row / positions);
    batch.frame_last.push_back(first + 3);
    batch.pts.push_back(0.1 * batch.frame.back());
    batch.pts_last.push_back(0.1 * batch.frame_last.back());
    batch.position.push_back(p);
    batch.weight.push_back(1 + p);
    batch.score.push_back(static_cast<float>(random.integer(0, 3)));
    batch.kind.push_back(static_cast<std::uint8_t>(row % 2));
    batch.reason.push_back(static_cast<std::uint8_t>(row % 4));
  }
  return batch;
}

/// Row `row` of the memory is row `from` of `segment`.
void expect_row(const stream::TokenBatch& memory, std::size_t row,
                const stream::TokenBatch& segment, std::size_t from) {
  ASSERT_LT(row, memory.frame.size());
  EXPECT_EQ(memory.key[row],
            std::int64_t{segment.frame[from]} * positions + segment.position[from]);
  EXPECT_EQ(memory.frame[row], segment.frame[from]);
  EXPECT_EQ(memory.frame_last[row], segment.frame_last[from]);
  EXPECT_EQ(memory.pts[row], segment.pts[from]);
  EXPECT_EQ(memory.pts_last[row], segment.pts_last[from]);
  EXPECT_EQ(memory.position[row], segment.position[from]);
  EXPECT_EQ(memory.weight[row], segment.weight[from]);
  EXPECT_EQ(memory.score[row], segment.score[from]);
  EXPECT_EQ(memory.reason[row], segment.reason[from]);
  EXPECT_EQ(memory.kind[row], static_cast<std::uint8_t>(stream::TokenKind::memory));
  const auto at = [](const auto& batch, std::size_t i) {
    return batch.features.view().row(static_cast<std::int64_t>(i));
  };
  EXPECT_EQ(std::memcmp(at(memory, row), at(segment, from), width * sizeof(float)), 0);
}

/// The best rows by score, ties to the lowest, ascending.
std::vector<std::size_t> best(const stream::TokenBatch& segment, std::size_t most) {
  std::vector<std::size_t> rows(static_cast<std::size_t>(segment.size()));
  std::iota(rows.begin(), rows.end(), 0U);
  std::ranges::stable_sort(
      rows, [&](std::size_t a, std::size_t b) { return segment.score[a] > segment.score[b]; });
  rows.resize(std::min(rows.size(), most));
  std::ranges::sort(rows);
  return rows;
}

TEST(SegmentMemory, OffersTheNewestSegmentsWholeAndTheBestOfTheNext) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    const std::int64_t most_segments = random.integer(1, 5), most_tokens = random.integer(1, 40);
    SegmentMemory memory({.segments = most_segments, .tokens = most_tokens});
    std::vector<stream::TokenBatch> segments;
    std::int32_t frame = 0;
    for (int i = 0; i < 8; ++i, frame += 4) {
      segments.push_back(segment_of(random, frame, random.integer(0, 18)));
      memory.add(segments.back());

      std::vector<std::pair<const stream::TokenBatch*, std::size_t>> expected;
      std::int64_t left = most_tokens, used = 0;
      for (auto s = segments.rbegin(); s != segments.rend() && used < most_segments; ++s) {
        if (s->size() == 0) continue;
        ++used;
        auto rows = best(*s, static_cast<std::size_t>(left));
        left -= std::ssize(rows);
        std::ranges::reverse(rows);
        for (const std::size_t row : rows) expected.push_back({&*s, row});
      }
      std::ranges::reverse(expected);

      const stream::TokenBatch& tokens = memory.tokens();
      EXPECT_NO_THROW(validate(tokens, "test"));
      EXPECT_EQ(tokens.source.id, "memory");
      ASSERT_EQ(tokens.size(), std::ssize(expected));
      for (std::size_t row = 0; row < expected.size(); ++row)
        expect_row(tokens, row, *expected[row].first, expected[row].second);
      auto keys = tokens.key;
      std::ranges::sort(keys);
      EXPECT_TRUE(std::ranges::adjacent_find(keys) == keys.end()) << "a key twice";
    }
  }
}

TEST(SegmentMemory, KeysStayWhileATokenIsOffered) {
  test::Random random(3);
  SegmentMemory memory({.segments = 2, .tokens = 100});
  memory.add(segment_of(random, 0, 7));
  memory.add(segment_of(random, 4, 5));
  const std::vector<std::int64_t> before(memory.tokens().key.begin() + 7,
                                         memory.tokens().key.end());
  memory.add(segment_of(random, 8, 3));
  EXPECT_TRUE(std::equal(before.begin(), before.end(), memory.tokens().key.begin()));
}

TEST(SegmentMemory, AnotherLayoutForgetsWhatWasBefore) {
  test::Random random(4);
  const auto left_after = [&](auto&& change) {
    SegmentMemory memory({.tokens = 100});
    memory.add(segment_of(random, 0, 7));
    auto other = segment_of(random, 4, 5);
    change(other);
    memory.add(other);
    EXPECT_NO_THROW(validate(memory.tokens(), "test"));
    return memory.tokens().size();
  };
  EXPECT_EQ(left_after([](auto&) {}), 12);
  EXPECT_EQ(left_after([](auto& b) { b.source.grid_rows = 3; }), 5);
  EXPECT_EQ(left_after([](auto& b) { b.pts.clear(); }), 5);
  EXPECT_EQ(left_after([](auto& b) {
              b.features.reshape(kernels::DType::bf16, {5, 2});
              b.source.feature_width = 2;
            }),
            5);
}

TEST(SegmentMemory, ClearsForANewEpisode) {
  test::Random random(5);
  SegmentMemory memory({});
  EXPECT_EQ(memory.tokens().size(), 0);
  memory.add(segment_of(random, 0, 7));
  memory.clear();
  EXPECT_EQ(memory.tokens().size(), 0);
  EXPECT_NO_THROW(validate(memory.tokens(), "test"));
  memory.add(segment_of(random, 0, 2));
  EXPECT_EQ(memory.tokens().size(), 2);
}

TEST(SegmentMemory, RefusesWhatItCanNotOffer) {
  EXPECT_THROW(SegmentMemory({.segments = 0}), Error);
  EXPECT_THROW(SegmentMemory({.tokens = 0}), Error);
  EXPECT_THROW(SegmentMemory({.id = "a/b"}), Error);
  test::Random random(6);
  const auto refused = [&](auto&& change) {
    SegmentMemory memory({});
    auto segment = segment_of(random, 0, 4);
    change(segment);
    EXPECT_THROW(memory.add(segment), Error);
    EXPECT_EQ(memory.tokens().size(), 0);
  };
  refused([](auto& b) { b.frame.clear(); });
  refused([](auto& b) { b.position.clear(); });
  refused([](auto& b) { b.weight.pop_back(); });
  refused([](auto& b) { b.valid.assign(4, 1); });
}

}  // namespace
}  // namespace sluice::policy

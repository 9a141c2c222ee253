// Promise 3: the streaming segmentation gives the offline optimum whenever no latency bound forced
// an early cut, and its memory stays bounded however long the stream.
#include <gtest/gtest.h>

#include "temporal/segmenter.h"
#include "tests/support/frames.h"
#include "tests/support/oracles.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

using temporal::Segment;
using temporal::Segmenter;

struct RandomStream {
  std::int64_t frames, positions;
  std::vector<std::vector<bool>> redundant;

  explicit RandomStream(test::Random& random)
      : frames(random.integer(1, 60)), positions(random.integer(1, 10)) {
    double chance = random.between(0.2, 1.0);
    for (std::int64_t f = 0; f + 1 < frames; ++f) {
      if (random.chance(0.1)) chance = random.between(0.0, 1.0);  // scenes come and go
      redundant.emplace_back();
      for (std::int64_t p = 0; p < positions; ++p)
        redundant.back().push_back(random.chance(chance));
    }
  }

  [[nodiscard]] kernels::BitMask mask(std::int64_t frame) const {
    kernels::BitMask mask(positions);
    for (std::int64_t p = 0; frame > 0 && p < positions; ++p)
      if (redundant[static_cast<std::size_t>(frame - 1)][static_cast<std::size_t>(p)]) mask.set(p);
    return mask;
  }
};

TEST(Promise3OnlineEqualsOffline, OnRandomStreams) {
  test::Random random(301);
  std::int64_t early = 0;
  for (std::int64_t round = 0; round < test::cases(10'000, 4); ++round) {
    const RandomStream stream(random);
    const std::int64_t window = random.chance(0.3) ? random.integer(1, 12) : 1024;
    const auto expected = test::segment(stream.redundant, stream.frames, stream.positions, window);
    Segmenter segmenter(stream.positions, {window, 1'000'000});
    std::vector<Segment> segments;
    for (std::int64_t f = 0; f < stream.frames; ++f) {
      segmenter.push(stream.mask(f));
      while (const auto segment = segmenter.next()) segments.push_back(*segment);
    }
    early += static_cast<std::int64_t>(segments.size());
    segmenter.finish();
    while (const auto segment = segmenter.next()) segments.push_back(*segment);
    ASSERT_EQ(segmenter.forced_cuts(), 0);
    ASSERT_EQ(segmenter.gain(), expected.best.back()) << "round " << round;
    ASSERT_EQ(segments.size(), expected.segments.size()) << "round " << round;
    for (std::size_t s = 0; s < segments.size(); ++s)
      ASSERT_EQ(segments[s], (Segment{expected.segments[s].first, expected.segments[s].second}))
          << "round " << round;
  }
  EXPECT_GT(early, test::cases(10'000, 4)) << "segments must leave before the end";
}

TEST(Promise3OnlineEqualsOffline, ABoundThatNeverBindsChangesNothing) {
  test::Random random(302);
  std::int64_t unforced = 0;
  for (std::int64_t round = 0; round < test::cases(4'000, 4); ++round) {
    const RandomStream stream(random);
    const std::int64_t latency = random.integer(1, 30);
    const auto expected = test::segment(stream.redundant, stream.frames, stream.positions, 1024);
    Segmenter segmenter(stream.positions, {1024, latency});
    std::vector<Segment> segments;
    for (std::int64_t f = 0; f < stream.frames; ++f) {
      segmenter.push(stream.mask(f));
      ASSERT_LT(segmenter.waiting(), latency);
    }
    segmenter.finish();
    std::int64_t next = 0, forced = 0;
    while (const auto segment = segmenter.next()) {
      ASSERT_EQ(segment->first, next) << "segments cover every frame once";
      next = segment->last + 1;
      forced += segment->forced;
      segments.push_back(*segment);
    }
    ASSERT_EQ(next, stream.frames);
    ASSERT_EQ(forced, segmenter.forced_cuts());
    ASSERT_LE(segmenter.gain(), expected.best.back());
    if (forced > 0) continue;
    ++unforced;
    ASSERT_EQ(segmenter.gain(), expected.best.back());
    ASSERT_EQ(segments.size(), expected.segments.size());
  }
  EXPECT_GT(unforced, 0);
}

/// The optimum given the cuts that were forced: each stretch between them is planned afresh.
TEST(Promise3OnlineEqualsOffline, AfterAForcedCutTheRestIsOptimalAgain) {
  test::Random random(303);
  for (std::int64_t round = 0; round < test::cases(2'000, 4); ++round) {
    const RandomStream stream(random);
    Segmenter segmenter(stream.positions, {1024, random.integer(2, 10)});
    for (std::int64_t f = 0; f < stream.frames; ++f) segmenter.push(stream.mask(f));
    segmenter.finish();
    std::int64_t start = 0;
    std::vector<Segment> segments;
    while (const auto segment = segmenter.next()) {
      segments.push_back(*segment);
      if (segment->forced) start = segment->last + 1;
    }
    // From the last forced cut on, nothing but the optimum of what followed.
    const std::vector<std::vector<bool>> rest(
        stream.redundant.begin() + std::min(start, stream.frames - 1), stream.redundant.end());
    if (start < stream.frames) {
      const auto expected = test::segment(rest, stream.frames - start, stream.positions, 1024);
      std::vector<std::pair<std::int64_t, std::int64_t>> tail;
      for (const auto& segment : segments)
        if (segment.first >= start) tail.emplace_back(segment.first - start, segment.last - start);
      ASSERT_EQ(tail, expected.segments) << "round " << round;
    }
  }
}

TEST(Promise3OnlineEqualsOffline, AFixedCameraStaysWithinTheLatencyBound) {
  kernels::Resources resources(1);
  temporal::VideoReducerOptions options;
  options.causal = true;
  options.latency = 32;
  temporal::VideoReducer reducer(resources, {}, options);
  temporal::ReducedSegment segment;
  stream::FeatureFrame frame;
  std::int64_t taken = 0;
  for (int f = 0; f < 2'000; ++f) {
    frame.features.reshape(kernels::DType::f32, {5, 4});
    std::fill_n(frame.features.as<float>().data(), 20, 1.0f);
    reducer.push(frame);
    while (reducer.next(segment)) taken = segment.segment.last + 1;
    ASSERT_LT(reducer.frames() - taken, 32);
  }
  EXPECT_EQ(reducer.totals().forced_cuts, 2'000 / 32);
}

}  // namespace
}  // namespace sluice

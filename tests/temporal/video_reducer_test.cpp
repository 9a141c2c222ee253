#include "temporal/video_reducer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "kernels/rounding.h"
#include "temporal/reduce.h"
#include "tests/support/frames.h"
#include "tests/support/random_clip.h"

namespace sluice::temporal {
namespace {

TEST(VideoReducer, ARecordingGivesWhatReduceGives) {
  test::Random random(1);
  kernels::Resources resources(2);
  for (int round = 0; round < 40; ++round) {
    const test::ClipShape shape{random.integer(1, 20), random.integer(1, 30),
                                random.integer(1, 40)};
    const auto clip =
        test::clip_tensor(test::random_clip(random, shape, {.noise = 0.3, .broken = 0.01}), shape);
    const auto attention =
        random.chance(0.5) ? test::random_attention(random, shape, 5) : kernels::Tensor();
    VideoReducerOptions options;
    options.reduction.retain = random.between(0.02, 1.0);
    const auto whole =
        reduce(resources, clip, attention.defined() ? attention.view() : kernels::TensorView(),
               options.reduction);
    std::size_t row = 0;
    for (const auto& segment : test::reduce_frames(resources, clip, attention, options)) {
      const auto n = static_cast<std::size_t>(segment.tokens.size());
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_EQ(segment.tokens.frame[i], whole.tokens.frame[row + i]);
        ASSERT_EQ(segment.tokens.position[i], whole.tokens.position[row + i]);
        ASSERT_EQ(segment.tokens.weight[i], whole.tokens.weight[row + i]);
      }
      const auto width = static_cast<std::size_t>(shape.width);
      ASSERT_EQ(0, std::memcmp(segment.tokens.features.data(),
                               whole.tokens.features.as<float>().data() + row * width,
                               n * width * sizeof(float)));
      row += n;
    }
    ASSERT_EQ(static_cast<std::int64_t>(row), whole.tokens.size());
  }
}

TEST(VideoReducer, AStreamHandsOutSegmentsBeforeItEnds) {
  test::Random random(2);
  kernels::Resources resources(1);
  VideoReducerOptions options;
  options.causal = true;
  options.latency = 16;
  VideoReducer reducer(resources, {}, options);
  std::int64_t taken = 0;
  ReducedSegment segment;
  const test::ClipShape shape{100, 12, 24};
  const auto clip = test::clip_tensor(test::random_clip(random, shape), shape);
  for (std::int64_t f = 0; f < 100; ++f) {
    auto frame = test::frame_of(clip, {}, f);
    reducer.push(frame);
    while (reducer.next(segment)) taken += segment.segment.frames();
    EXPECT_LT(reducer.frames() - taken, 16);
  }
  EXPECT_GT(taken, 80);
}

TEST(VideoReducer, ReusesTheFramesItIsGiven) {
  kernels::Resources resources(1);
  VideoReducerOptions options;
  options.causal = true;
  options.latency = 4;
  VideoReducer reducer(resources, {}, options);
  stream::FeatureFrame frame;
  ReducedSegment segment;
  std::set<const void*> buffers;
  test::Random random(3);
  for (std::int64_t f = 0; f < 200; ++f) {
    frame.features.reshape(kernels::DType::f32, {6, 8});
    buffers.insert(frame.features.data());
    for (auto& value : frame.features.as<float>()) value = random.normal();
    reducer.push(frame);
    while (reducer.next(segment)) {
    }
  }
  EXPECT_LE(buffers.size(), 10u) << "a handful of buffers go round";
}

TEST(VideoReducer, AFrameWithoutAttentionDoesNotInheritOne) {
  kernels::Resources resources(1);
  VideoReducerOptions options;
  options.causal = true;
  options.latency = 1;
  options.reduction.retain = 0.5;
  VideoReducer reducer(resources, {}, options);
  stream::FeatureFrame frame;
  ReducedSegment segment;
  test::Random random(6);
  for (int f = 0; f < 6; ++f) {
    frame.features.reshape(kernels::DType::f32, {4, 8});
    for (auto& value : frame.features.as<float>()) value = random.normal();
    if (f == 2) {
      frame.attention.reshape(kernels::DType::f32, {4});
      std::fill_n(frame.attention.as<float>().data(), 4, 1.0f);
    }
    reducer.push(frame);
    ASSERT_TRUE(reducer.next(segment));
    EXPECT_EQ(segment.tokens.reason.front(),
              static_cast<std::uint8_t>(f == 2 ? stream::KeepReason::attention
                                               : stream::KeepReason::saliency));
  }
}

TEST(VideoReducer, AFrameIsComparedWithTheLastOneEvenIfThatHasLeft) {
  test::Random random(7);
  kernels::Resources resources(1);
  const test::ClipShape shape{12, 9, 16};
  const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0.9}), shape);
  const auto whole = reduce(resources, clip, kernels::TensorView(), {});
  VideoReducerOptions options;
  options.causal = true;
  options.latency = 1;  // every frame leaves at once
  std::size_t at = 0;
  for (const auto& segment : test::reduce_frames(resources, clip, {}, options)) {
    if (segment.segment.first > 0) {
      for (const float similarity : segment.similarity)
        ASSERT_EQ(similarity, whole.redundancy.similarity[at++]);
    }
  }
  EXPECT_EQ(at, whole.redundancy.similarity.size());
}

TEST(VideoReducer, CarriesTimesAndTotals) {
  test::Random random(4);
  kernels::Resources resources(1);
  const test::ClipShape shape{30, 10, 16};
  const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0.9}), shape);
  VideoReducerOptions options;
  options.causal = true;
  options.reduction.retain = 0.2;
  std::int64_t next_frame = 0, kept = 0;
  for (const auto& segment : test::reduce_frames(resources, clip, {}, options)) {
    EXPECT_EQ(segment.segment.first, next_frame);
    next_frame = segment.segment.last + 1;
    kept += segment.tokens.size();
    EXPECT_EQ(segment.totals.frames, next_frame);
    EXPECT_EQ(segment.totals.kept, kept);
    EXPECT_EQ(segment.totals.kept + segment.totals.unspent,
              kernels::round_half_even(0.2 * static_cast<double>(segment.totals.seen)));
    for (std::size_t i = 0; i < segment.tokens.pts.size(); ++i) {
      EXPECT_EQ(segment.tokens.pts[i], 0.5 * segment.tokens.frame[i]);
      EXPECT_EQ(segment.tokens.pts_last[i], 0.5 * segment.tokens.frame_last[i]);
    }
  }
  EXPECT_EQ(next_frame, 30);
}

TEST(VideoReducer, RejectsFramesOfAnotherShapeAndKeepsGoing) {
  kernels::Resources resources(1);
  VideoReducer reducer(resources, {}, {});
  stream::FeatureFrame frame;
  frame.features.reshape(kernels::DType::f32, {4, 3});
  std::fill_n(frame.features.as<float>().data(), 12, 1.0f);
  reducer.push(frame);
  stream::FeatureFrame other;
  other.features.reshape(kernels::DType::f32, {5, 3});
  EXPECT_THROW(reducer.push(other), Error);
  other.features.reshape(kernels::DType::f32, {4, 2});
  EXPECT_THROW(reducer.push(other), Error);
  reducer.finish();
  ReducedSegment segment;
  EXPECT_TRUE(reducer.next(segment));
}

TEST(VideoReducer, AStreamCantHaveATotalBudgetOrPublishedRounding) {
  kernels::Resources resources(1);
  VideoReducerOptions options;
  options.causal = true;
  options.reduction.budget = 5;
  EXPECT_THROW(VideoReducer(resources, {}, options), Error);
  options.reduction.budget.reset();
  options.reduction.rounding = Rounding::parity;
  EXPECT_THROW(VideoReducer(resources, {}, options), Error);
  options.reduction.rounding = Rounding::exact;
  options.latency = 0;
  EXPECT_THROW(VideoReducer(resources, {}, options), Error);
}

TEST(VideoReducer, NothingFollowsTheEnd) {
  kernels::Resources resources(1);
  VideoReducer reducer(resources, {}, {});
  stream::FeatureFrame frame;
  frame.features.reshape(kernels::DType::f32, {4, 3});
  std::fill_n(frame.features.as<float>().data(), 12, 1.0f);
  reducer.push(frame);
  reducer.finish();
  frame.features.reshape(kernels::DType::f32, {4, 3});
  EXPECT_THROW(reducer.push(frame), Error);
}

TEST(VideoReducer, NoFramesNoSegments) {
  kernels::Resources resources(1);
  VideoReducer reducer(resources, {}, {});
  reducer.finish();
  ReducedSegment segment;
  EXPECT_FALSE(reducer.next(segment));
}

}  // namespace
}  // namespace sluice::temporal

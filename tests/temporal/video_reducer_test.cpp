#include "temporal/video_reducer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
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

/// A clip whose frames are lent, each with an owner of its own.
class LentFrames {
 public:
  explicit LentFrames(const kernels::Tensor& clip) : clip_(clip) {
    for (std::int64_t f = 0; f < clip.size(0); ++f) owners_.push_back(std::make_shared<int>());
  }
  [[nodiscard]] kernels::Tensor lend(std::int64_t f) const {
    return kernels::Tensor::borrow(clip_.view()[f], owners_[static_cast<std::size_t>(f)]);
  }
  /// Frames that somebody still holds.
  [[nodiscard]] std::set<std::int64_t> held() const {
    std::set<std::int64_t> held;
    for (std::size_t f = 0; f < owners_.size(); ++f)
      if (owners_[f].use_count() > 1) held.insert(static_cast<std::int64_t>(f));
    return held;
  }

 private:
  const kernels::Tensor& clip_;
  std::vector<std::shared_ptr<int>> owners_;
};

TEST(VideoReducer, BorrowedFramesAreReadWhereTheyLieAndLetGoWhenTheyHaveLeft) {
  test::Random random(11);
  kernels::Resources resources(1);
  const test::ClipShape shape{80, 9, 16};
  const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0.8}), shape);
  for (const std::int64_t latency : {0, 1, 5}) {
    VideoReducerOptions options;
    options.causal = latency > 0;
    if (options.causal) options.latency = latency;
    options.reduction.retain = 0.4;
    const auto expected = test::reduce_frames(resources, clip, {}, options);

    const LentFrames frames(clip);
    VideoReducer reducer(resources, {}, options);
    std::vector<ReducedSegment> segments;
    std::int64_t left = 0;
    const auto take = [&] {
      ReducedSegment segment;
      while (reducer.next(segment)) {
        left = segment.segment.last + 1;
        segments.push_back(std::move(segment));
        segment = {};
      }
    };
    for (std::int64_t f = 0; f < shape.frames; ++f) {
      stream::FeatureFrame frame;
      frame.pts = 0.5 * static_cast<double>(f);
      if (f % 7 == 3)  // memory of its own among the others
        frame.features = frames.lend(f).clone();
      else
        frame.features = frames.lend(f);
      reducer.push(frame);
      ASSERT_FALSE(frame.features.is_borrowed());
      take();
      // What waits, and the newest frame, with which the next one is compared.
      std::set<std::int64_t> waiting;
      for (std::int64_t w = std::min(left, f); w <= f; ++w)
        if (w % 7 != 3) waiting.insert(w);
      ASSERT_EQ(frames.held(), waiting) << "after frame " << f;
    }
    reducer.finish();
    take();
    EXPECT_TRUE(frames.held().empty());
    ASSERT_EQ(segments.size(), expected.size());
    for (std::size_t s = 0; s < segments.size(); ++s) {
      ASSERT_EQ(segments[s].segment.last, expected[s].segment.last);
      ASSERT_EQ(segments[s].assignment, expected[s].assignment);
      const auto values = std::as_const(segments[s].tokens.features).as<float>();
      const auto same = expected[s].tokens.features.as<float>();
      ASSERT_EQ(0, std::memcmp(values.data(), same.data(), same.size_bytes()));
    }
  }
}

TEST(VideoReducer, ABorrowedFrameThatIsRefusedStaysWithTheCaller) {
  kernels::Resources resources(1);
  const kernels::Tensor clip = kernels::Tensor::from<float>(std::vector<float>(24, 1), {2, 3, 4});
  const LentFrames frames(clip);
  VideoReducerOptions options;
  options.causal = true;
  VideoReducer reducer(resources, {}, options);
  stream::FeatureFrame frame;
  frame.features = frames.lend(0);
  reducer.push(frame);
  frame.features = frames.lend(1);
  frame.features.truncate(2);
  EXPECT_THROW(reducer.push(frame), Error);
  EXPECT_TRUE(frame.features.is_borrowed());
  frame.features = {};
  EXPECT_EQ(frames.held(), (std::set<std::int64_t>{0}));
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

#include "temporal/token_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <numeric>

#include "tests/support/error_messages.h"
#include "tests/support/memory_segments.h"

namespace sluice::temporal {
namespace {

using kernels::DType;
using test::MemorySegment;
using test::MemoryStream;

std::vector<std::int64_t> tokens_per_chapter(const TokenMemory& memory) {
  std::vector<std::int64_t> tokens;
  for (const MemoryChapter& chapter : memory.chapters()) tokens.push_back(chapter.tokens);
  return tokens;
}

std::int64_t weight_of(const stream::TokenBatch& tokens) {
  return std::accumulate(tokens.weight.begin(), tokens.weight.end(), std::int64_t{0});
}

/// A segment of one frame; features [n,1].
MemorySegment line(std::int64_t frame, const std::vector<float>& values) {
  MemorySegment segment;
  segment.first_frame = frame;
  segment.pts = {static_cast<double>(frame)};
  stream::TokenBatch& batch = segment.tokens;
  batch.source.id = "line";
  batch.source.grid_rows = 1;
  batch.source.grid_cols = 100;
  batch.source.feature_width = 1;
  const std::size_t n = values.size();
  resize(batch, std::ssize(values), DType::f32, 1);
  std::copy(values.begin(), values.end(), batch.features.as<float>().begin());
  batch.frame.assign(n, static_cast<std::int32_t>(frame));
  batch.frame_last = batch.frame;
  batch.pts.assign(n, static_cast<double>(frame));
  batch.pts_last = batch.pts;
  batch.weight.assign(n, 1);
  batch.score.assign(n, 0.0f);
  std::iota(batch.position.begin(), batch.position.end(), 0);
  batch.key.assign(batch.position.begin(), batch.position.end());
  return segment;
}

std::vector<float> features_of(TokenMemory& memory) {
  const auto values = memory.tokens().features.as<float>();
  return {values.begin(), values.end()};
}

class TokenMemoryTest : public testing::Test {
 protected:
  kernels::Resources resources_{2};
};

TEST_F(TokenMemoryTest, HoldsEverythingAsItCameUntilItIsFull) {
  test::Random random(1);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 30, .recent = 0.5});
  const MemorySegment first = stream.next(3, 14), second = stream.next(2, 16);
  first.add_to(memory);
  second.add_to(memory);
  EXPECT_EQ(tokens_per_chapter(memory), (std::vector<std::int64_t>{14, 16}));
  EXPECT_EQ(memory.counts().compactions, 0);
  const stream::TokenBatch& tokens = memory.tokens();
  EXPECT_EQ(
      0, std::memcmp(tokens.features.as<float>().data(), first.tokens.features.as<float>().data(),
                     first.tokens.features.byte_size()));
  EXPECT_EQ(tokens.source.grid_cols, 5);
  EXPECT_EQ(tokens.key.front(), 0);
  EXPECT_EQ(tokens.key.back(), 29);
  EXPECT_EQ(memory.frames(), 5);
  EXPECT_EQ(memory.arrived(), 30);
  EXPECT_EQ(memory.counts().segments, 2);
}

TEST_F(TokenMemoryTest, ChaptersSayWhatTheySpan) {
  test::Random random(2);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 30, .recent = 0.5});
  stream.next(3, 14).add_to(memory);
  stream.next(4, 10).add_to(memory);
  ASSERT_EQ(memory.chapters().size(), 2u);
  const MemoryChapter& last = memory.chapters()[1];
  EXPECT_EQ(last.first_frame, 3);
  EXPECT_EQ(last.last_frame, 6);
  EXPECT_EQ(last.first_pts, 1.5);
  EXPECT_EQ(last.last_pts, 3.0);
  EXPECT_EQ(last.arrived, 10);
  EXPECT_EQ(last.segments, 1);
  EXPECT_TRUE(last.recent);
  EXPECT_FALSE(memory.chapters()[0].recent) << "24 tokens are more than 15";
}

TEST_F(TokenMemoryTest, ASixteenthIsFreedAtATime) {
  test::Random random(3);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 64, .recent = 0.25});
  for (int i = 0; i < 9; ++i) stream.next(2, 8).add_to(memory);
  EXPECT_EQ(memory.tokens().size(), 60);
  EXPECT_EQ(memory.counts().compactions, 1);
  stream.next(1, 4).add_to(memory);
  EXPECT_EQ(memory.tokens().size(), 64);
  EXPECT_EQ(memory.counts().compactions, 1);
}

TEST_F(TokenMemoryTest, MergesTheNearestByHand) {
  TokenMemory memory(resources_, {.budget = 4, .recent = 0});
  MemorySegment segment = line(0, {10, 0, 4, 11, 1});
  segment.tokens.weight = {1, 1, 1, 3, 1};
  segment.tokens.score = {.5f, 0, 0, .25f, 0};
  segment.tokens.kind = {1, 1, 1, 0, 1};
  segment.tokens.reason = {1, 1, 1, 2, 1};
  segment.add_to(memory);
  // 0 and 1 cost 1/2, 10 and 11 cost 3/4.
  EXPECT_EQ(features_of(memory), (std::vector<float>{10, 0.5f, 4, 11}));
  line(1, {50}).add_to(memory);
  // Two chapters need eight tokens each, so they are joined; ordered by frame, then position.
  EXPECT_EQ(features_of(memory), (std::vector<float>{0.5f, 4, 10.75f, 50}));
  const stream::TokenBatch& tokens = memory.tokens();
  EXPECT_EQ(tokens.weight, (std::vector<std::int64_t>{2, 1, 4, 1}));
  EXPECT_EQ(tokens.position, (std::vector<std::int32_t>{1, 2, 3, 0}));
  EXPECT_EQ(tokens.key, (std::vector<std::int64_t>{1, 2, 3, 0}));
  EXPECT_EQ(tokens.kind[2], 0) << "of the heavier one";
  EXPECT_EQ(tokens.reason[2], 2);
  EXPECT_EQ(tokens.score[2], 0.5f) << "the better of the two";
}

TEST_F(TokenMemoryTest, AMergedTokenHasTheOriginOfItsHeaviestArrivalInHoweverManySteps) {
  TokenMemory memory(resources_, {.budget = 1, .recent = 0});
  MemorySegment first = line(0, {1, 2}), second = line(1, {3}), third = line(2, {4});
  first.tokens.weight = {2, 2};
  second.tokens.weight = {3};
  third.tokens.weight = {3};
  first.tokens.key = {7, 8};
  second.tokens.key = {9};
  third.tokens.key = {10};
  first.add_to(memory);
  EXPECT_EQ(memory.tokens().key[0], 7) << "a tie: the earliest";
  second.add_to(memory);
  EXPECT_EQ(memory.tokens().key[0], 9) << "no single token that arrived before was as heavy";
  third.add_to(memory);
  EXPECT_EQ(memory.tokens().key[0], 9);
  EXPECT_EQ(memory.tokens().weight[0], 10);
  EXPECT_EQ(memory.tokens().frame[0], 0);
  EXPECT_EQ(memory.tokens().frame_last[0], 2);
  EXPECT_EQ(memory.tokens().pts_last[0], 2.0);
  EXPECT_FLOAT_EQ(memory.tokens().features.as<float>()[0], (2 * 1 + 2 * 2 + 3 * 3 + 3 * 4) / 10.0f);
}

TEST_F(TokenMemoryTest, OfOneToken) {
  test::Random random(4);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 1, .recent = 1});
  std::int64_t weight = 0;
  for (int i = 0; i < 20; ++i) {
    const MemorySegment segment = stream.next(random.integer(1, 4), random.integer(0, 5));
    segment.add_to(memory);
    weight += weight_of(segment.tokens);
    ASSERT_LE(memory.tokens().size(), 1);
    ASSERT_EQ(memory.chapters().size(), 1u);
  }
  EXPECT_EQ(memory.tokens().size(), 1);
  EXPECT_EQ(memory.tokens().weight[0], weight);
  EXPECT_EQ(memory.chapters()[0].last_frame, memory.frames() - 1);
}

TEST_F(TokenMemoryTest, ASegmentThatIsTooLargeIsMergedAndCounted) {
  test::Random random(5);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 160, .recent = 0.25});
  stream.next(10, 1000).add_to(memory);
  EXPECT_EQ(memory.tokens().size(), 150);
  EXPECT_EQ(memory.counts().oversized, 1);
  EXPECT_FALSE(memory.chapters().back().recent);
  EXPECT_EQ(memory.chapters().back().arrived, 1000);
  for (int i = 0; i < 30; ++i) stream.next(10, 100).add_to(memory);
  EXPECT_EQ(memory.tokens().size(), 150);
  EXPECT_EQ(memory.counts().oversized, 31);
  EXPECT_EQ(memory.chapters().back().tokens, 40) << "what the recent part may have";
}

TEST_F(TokenMemoryTest, ChaptersOfThousandsOfTokensAreMergedInPieces) {
  test::Random random(6);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 3, .recent = 0});
  const MemorySegment segment = stream.next(50, 2345);
  segment.add_to(memory);
  EXPECT_EQ(memory.tokens().size(), 3);
  EXPECT_EQ(weight_of(memory.tokens()), weight_of(segment.tokens));
  double expected = 0, held = 0;
  for (std::size_t i = 0; i < segment.tokens.weight.size(); ++i)
    expected += static_cast<double>(segment.tokens.weight[i]) *
                static_cast<double>(segment.tokens.features.as<float>()[i * 4]);
  for (std::size_t i = 0; i < 3; ++i)
    held += static_cast<double>(memory.tokens().weight[i]) *
            static_cast<double>(memory.tokens().features.as<float>()[i * 4]);
  EXPECT_NEAR(held, expected, 1e-2) << "merging keeps the mean of all";
}

TEST_F(TokenMemoryTest, TimeWithoutTokensBelongsToANeighbour) {
  test::Random random(7);
  MemoryStream stream(random, {});
  TokenMemory memory(resources_, {.budget = 40, .recent = 0.5});
  stream.next(5, 0).add_to(memory);
  ASSERT_EQ(memory.chapters().size(), 1u);
  EXPECT_EQ(memory.chapters()[0].tokens, 0);
  EXPECT_EQ(memory.tokens().size(), 0);
  EXPECT_EQ(memory.tokens().features.size(1), 4);
  stream.next(1, 0).add_to(memory);
  stream.next(3, 9).add_to(memory);
  ASSERT_EQ(memory.chapters().size(), 1u) << "the first segment with tokens stands for it";
  EXPECT_EQ(memory.chapters()[0].first_frame, 0);
  EXPECT_EQ(memory.chapters()[0].first_pts, 0);
  EXPECT_EQ(memory.chapters()[0].last_frame, 8);
  EXPECT_EQ(memory.chapters()[0].segments, 3);
  stream.next(2, 0).add_to(memory);
  ASSERT_EQ(memory.chapters().size(), 1u) << "then the one before";
  EXPECT_EQ(memory.chapters()[0].last_frame, 10);
  EXPECT_TRUE(memory.chapters()[0].recent);
  stream.next(2, 4).add_to(memory);
  stream.next(1, 0).add_to(memory);
  ASSERT_EQ(memory.chapters().size(), 2u);
  EXPECT_EQ(memory.chapters()[1].first_frame, 11);
  EXPECT_EQ(memory.chapters()[1].last_frame, 13);
  EXPECT_EQ(memory.frames(), 14);
}

TEST_F(TokenMemoryTest, BrokenTokensAreAbsorbedByTheFiniteOneBeforeThem) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  TokenMemory memory(resources_, {.budget = 6, .recent = 0});
  MemorySegment segment = line(0, {nan, 1, 7, nan, infinity, 20, 40, -infinity});
  segment.tokens.weight = {9, 1, 1, 2, 3, 1, 1, 5};
  segment.tokens.score = {0, 0, 0, 8, 9, 0, 0, std::numeric_limits<float>::quiet_NaN()};
  segment.add_to(memory);
  EXPECT_EQ(features_of(memory), (std::vector<float>{1, 7, 20, 40}));
  EXPECT_EQ(memory.tokens().weight, (std::vector<std::int64_t>{10, 6, 1, 6}));
  EXPECT_EQ(memory.tokens().position, (std::vector<std::int32_t>{1, 2, 5, 6}));
  EXPECT_EQ(memory.tokens().score, (std::vector<float>{0, 9, 0, 0}));
}

TEST_F(TokenMemoryTest, WhereAllAreBrokenTheFirstAbsorbsThem) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  TokenMemory memory(resources_, {.budget = 2, .recent = 0});
  MemorySegment segment = line(0, {nan, nan, nan});
  segment.tokens.weight = {1, 7, 1};
  segment.add_to(memory);
  EXPECT_EQ(memory.tokens().weight, (std::vector<std::int64_t>{9}));
  EXPECT_EQ(memory.tokens().position, (std::vector<std::int32_t>{0}));
  // A finite one speaks for the chapter as soon as it is joined to this one.
  line(1, {3, 4}).add_to(memory);
  EXPECT_EQ(features_of(memory), (std::vector<float>{3, 4}));
  EXPECT_EQ(memory.tokens().weight, (std::vector<std::int64_t>{10, 1}));
}

TEST_F(TokenMemoryTest, KeepsTheTypeAndRoundsMergedFeaturesOnce) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    test::Random random(8);
    MemoryStream stream(random, {.width = 3, .dtype = dtype});
    TokenMemory memory(resources_, {.budget = 20, .recent = 0.25});
    std::vector<MemorySegment> segments;
    for (int i = 0; i < 12; ++i) {
      segments.push_back(stream.next(2, 5));
      segments.back().add_to(memory);
    }
    const stream::TokenBatch& tokens = memory.tokens();
    ASSERT_EQ(tokens.features.dtype(), dtype);
    // The newest segment as it came, in its own type.
    const kernels::TensorView newest = segments.back().tokens.features;
    EXPECT_EQ(0, std::memcmp(tokens.features.view().row(tokens.size() - newest.size(0)),
                             newest.data(), newest.byte_size()));
  }
}

TEST_F(TokenMemoryTest, ManySmallStepsDoNotAddUpToALargeError) {
  // Means are held in f32: bf16 alone could not tell 1000 from 1001.
  TokenMemory memory(resources_, {.budget = 1, .recent = 0});
  double sum = 0;
  for (std::int64_t f = 0; f < 1000; ++f) {
    MemorySegment segment = line(f, {0});
    kernels::Tensor features(DType::bf16, {1, 1});
    const float value = static_cast<float>(f % 16);
    features.as<kernels::Bfloat16>()[0] = kernels::to_bfloat16(value);
    segment.tokens.features = std::move(features);
    segment.add_to(memory);
    sum += static_cast<double>(value);
  }
  const float held = kernels::to_float(memory.tokens().features.as<kernels::Bfloat16>()[0]);
  EXPECT_EQ(held, kernels::to_float(kernels::to_bfloat16(static_cast<float>(sum / 1000))));
}

TEST_F(TokenMemoryTest, PlacesAreAveraged) {
  TokenMemory memory(resources_, {.budget = 1, .recent = 0});
  MemorySegment segment = line(0, {1, 1});
  segment.tokens.weight = {1, 3};
  segment.tokens.xyz = {0, 0, 4, 4, 8, 4};
  segment.add_to(memory);
  EXPECT_EQ(memory.tokens().xyz, (std::vector<float>{3, 6, 4}));
}

TEST_F(TokenMemoryTest, TokensWithoutAGridHaveNoPosition) {
  TokenMemory memory(resources_, {.budget = 2, .recent = 0});
  MemorySegment segment = line(0, {1, 1, 5});
  segment.tokens.source.grid_rows = segment.tokens.source.grid_cols = 0;
  segment.tokens.position.clear();
  segment.tokens.score.clear();
  segment.add_to(memory);
  EXPECT_EQ(features_of(memory), (std::vector<float>{1, 5}));
  EXPECT_TRUE(memory.tokens().position.empty());
  EXPECT_TRUE(memory.tokens().score.empty());
}

TEST_F(TokenMemoryTest, IsAsNewWhenCleared) {
  test::Random random(9);
  MemoryStream stream(random, {}), other(random, {.width = 7});
  TokenMemory memory(resources_, {.budget = 10, .recent = 0.25});
  stream.next(2, 30).add_to(memory);
  memory.clear();
  EXPECT_EQ(memory.frames(), 0);
  EXPECT_EQ(memory.arrived(), 0);
  EXPECT_EQ(memory.counts().segments, 0);
  EXPECT_EQ(memory.tokens().size(), 0);
  EXPECT_TRUE(memory.chapters().empty());
  other.next(2, 30).add_to(memory);
  EXPECT_EQ(memory.tokens().features.size(1), 7);
}

TEST_F(TokenMemoryTest, RefusesOptionsThatCantBe) {
  const auto error = [&](std::int64_t budget, double recent) {
    return test::input_error_of([&] { TokenMemory(resources_, {budget, recent}); });
  };
  EXPECT_CONTAINS(error(0, 0.25), "a budget of 0 tokens");
  EXPECT_CONTAINS(error(std::int64_t{1} << 31, 0.25), "1 to 2^31 - 1");
  EXPECT_CONTAINS(error(8, -0.1), "recent share of -0.1");
  EXPECT_CONTAINS(error(8, 1.1), "0 to 1");
  EXPECT_CONTAINS(error(8, std::numeric_limits<double>::quiet_NaN()), "0 to 1");
}

/// What add() says to a segment that was spoilt, and that the memory is as before.
class RefusedSegment : public TokenMemoryTest {
 protected:
  RefusedSegment() {
    for (int i = 0; i < 6; ++i) stream_.next(2, 5).add_to(memory_);
    next_ = stream_.next(3, 12);
  }

  std::string refusal() {
    stream::TokenBatch before;
    copy_tokens(memory_.tokens(), before);
    const auto chapters = tokens_per_chapter(memory_);
    const std::int64_t frames = memory_.frames();
    const std::string message = test::input_error_of([&] { next_.add_to(memory_); });
    EXPECT_EQ(memory_.frames(), frames);
    EXPECT_EQ(tokens_per_chapter(memory_), chapters);
    EXPECT_EQ(memory_.counts().segments, 6);
    const stream::TokenBatch& after = memory_.tokens();
    EXPECT_EQ(before.key, after.key);
    EXPECT_EQ(before.features.byte_size(), after.features.byte_size());
    EXPECT_EQ(0, std::memcmp(before.features.as<float>().data(), after.features.as<float>().data(),
                             before.features.byte_size()));
    EXPECT_CONTAINS(message, "token memory");
    return message;
  }

  test::Random random_{10};
  MemoryStream stream_{random_, {}};
  TokenMemory memory_{resources_, {.budget = 20, .recent = 0.25}};
  MemorySegment next_;
};

TEST_F(RefusedSegment, ThatDoesNotFollow) {
  ++next_.first_frame;
  for (auto& frame : next_.tokens.frame) frame = 13;
  for (auto& frame : next_.tokens.frame_last) frame = 13;
  EXPECT_CONTAINS(refusal(), "one that follows frame 11");
}

TEST_F(RefusedSegment, ThatIsEarlierInTime) {
  for (auto& pts : next_.pts) pts -= 1;
  EXPECT_CONTAINS(refusal(), "one that follows 5.5 s");
}

TEST_F(RefusedSegment, WhoseTimesDecrease) {
  next_.pts[2] = 6;
  EXPECT_CONTAINS(refusal(), "a time of 6 s for the segment's frame 2");
  next_.pts[2] = std::numeric_limits<double>::infinity();
  EXPECT_CONTAINS(refusal(), "finite times");
}

TEST_F(RefusedSegment, WhoseWeightsCouldOverflow) {
  next_.tokens.weight[1] = std::int64_t{1} << 61;
  EXPECT_CONTAINS(refusal(), "token 1 has a weight of 2305843009213693952");
}

TEST_F(RefusedSegment, WhoseFramesCouldOverflow) {
  next_.first_frame = std::numeric_limits<std::int64_t>::max();
  EXPECT_CONTAINS(refusal(), "numbered from 0 to 2^31 - 1");
}

TEST_F(RefusedSegment, WithoutFrames) {
  next_.pts.clear();
  EXPECT_CONTAINS(refusal(), "a segment of 0 frames");
}

TEST_F(RefusedSegment, WhoseTokensStandForOtherFrames) {
  next_.tokens.frame_last[3] = 15;
  EXPECT_CONTAINS(refusal(), "frames 12 to 14");
}

TEST_F(RefusedSegment, OfAnotherWidthOrType) {
  next_.tokens.features.reshape(DType::f32, {12, 5});
  next_.tokens.source.feature_width = 5;
  EXPECT_CONTAINS(refusal(), "features of width 4 in f32, as at first");
  next_.tokens.features.reshape(DType::bf16, {12, 4});
  next_.tokens.source.feature_width = 4;
  EXPECT_CONTAINS(refusal(), "features of width 4 in bf16");
}

TEST_F(RefusedSegment, OfAnotherSource) {
  next_.tokens.source.id = "other";
  EXPECT_CONTAINS(refusal(), "'other'");
  next_.tokens.source.id = "camera";
  next_.tokens.source.grid_rows = 3;
  EXPECT_CONTAINS(refusal(), "grid 3 x 5");
}

TEST_F(RefusedSegment, WithOtherColumns) {
  next_.tokens.score.clear();
  EXPECT_CONTAINS(refusal(), "other columns");
}

TEST_F(RefusedSegment, OfUnknownOrigin) {
  next_.tokens.weight.clear();
  EXPECT_CONTAINS(refusal(), "tokens of unknown origin");
}

TEST_F(RefusedSegment, WithMasks) {
  next_.tokens.valid.assign(12, 1);
  EXPECT_CONTAINS(refusal(), "fixed shape");
}

TEST_F(RefusedSegment, WithColumnsOfAnotherLength) {
  next_.tokens.weight.push_back(1);
  EXPECT_CONTAINS(refusal(), "weight has 13 entries");
}

TEST_F(TokenMemoryTest, IsAsItWasWhenWorkIsStoppedFromOutside) {
  test::Random random(11);
  MemoryStream stream(random, {.width = 64});
  TokenMemory memory(resources_, {.budget = 600, .recent = 0.25});
  stream.next(4, 600).add_to(memory);
  const MemorySegment large = stream.next(60, 20000);
  resources_.pool().set_poll([] { throw std::runtime_error("stop"); });
  EXPECT_THROW(large.add_to(memory), std::runtime_error);
  resources_.pool().set_poll({});
  EXPECT_EQ(memory.frames(), 4);
  EXPECT_EQ(memory.tokens().size(), 600);
  large.add_to(memory);
  EXPECT_EQ(memory.frames(), 64);
  EXPECT_EQ(memory.tokens().size(), 563);
}

}  // namespace
}  // namespace sluice::temporal

#include "stream/io/frame_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

/// Indices of the frames that a sampler takes.
std::vector<std::size_t> sample(FrameSampler sampler, const std::vector<double>& pts,
                                double last_duration) {
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < pts.size(); ++i) {
    const auto decision = sampler.offer(pts[i]);
    if (decision.previous) taken.push_back(i - 1);
    if (decision.current) taken.push_back(i);
  }
  if (sampler.finish(last_duration)) taken.push_back(pts.size() - 1);
  return taken;
}

/// The definition, word by word: for each output time the last frame at or before it, each once.
std::vector<std::size_t> oracle(const std::vector<double>& times, const std::vector<double>& pts,
                                double last_duration, double tolerance) {
  std::set<std::size_t> taken;
  for (const double time : times) {
    if (time + tolerance >= pts.back() + last_duration && time > pts.back() + tolerance) continue;
    std::size_t last = pts.size();
    for (std::size_t i = 0; i < pts.size(); ++i) {
      if (pts[i] <= time + tolerance) last = i;
    }
    if (last < pts.size()) taken.insert(last);
  }
  return {taken.begin(), taken.end()};
}

std::vector<double> constant_rate(int frames, double rate) {
  std::vector<double> pts;
  for (int i = 0; i < frames; ++i) pts.push_back(i / rate);
  return pts;
}

TEST(FrameSampler, TakesEveryFrameByDefault) {
  EXPECT_EQ(sample(FrameSampler(), {0, 0.1, 0.1, 0.5}, 0.1),
            (std::vector<std::size_t>{0, 1, 2, 3}));
}

TEST(FrameSampler, ThinsOutAConstantRateEvenly) {
  const auto taken = sample(FrameSampler::by_rate(10, 1e-9), constant_rate(96, 30), 1.0 / 30);
  ASSERT_EQ(taken.size(), 32U);
  for (std::size_t k = 0; k < taken.size(); ++k) EXPECT_EQ(taken[k], 3 * k);
}

TEST(FrameSampler, TakesTheLastFrameBeforeAnOutputTime) {
  // At 2/s the output times are 0, 0.5, 1, 1.5: the frames shown then are those of 0, 0.4, 0.9,
  // 0.9.
  EXPECT_EQ(sample(FrameSampler::by_rate(2, 0), {0, 0.1, 0.4, 0.6, 0.9, 1.6}, 0.1),
            (std::vector<std::size_t>{0, 2, 4}));
}

TEST(FrameSampler, NeverRepeatsAFrame) {
  const auto taken = sample(FrameSampler::by_rate(120, 1e-9), constant_rate(30, 30), 1.0 / 30);
  ASSERT_EQ(taken.size(), 30U);
  for (std::size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], i);
}

TEST(FrameSampler, TheLastFrameCountsForItsDuration) {
  const std::vector<double> pts{0, 0.3, 0.7};
  EXPECT_EQ(sample(FrameSampler::by_rate(1, 0), pts, 0.2), (std::vector<std::size_t>{0}));
  EXPECT_EQ(sample(FrameSampler::by_rate(1, 0), pts, 0.5), (std::vector<std::size_t>{0, 2}));
}

TEST(FrameSampler, OutputTimesBeforeTheFirstFrameGiveNothing) {
  EXPECT_EQ(sample(FrameSampler::by_rate(10, 0), {5.05, 5.15, 5.25}, 0.1),
            (std::vector<std::size_t>{0, 1, 2}));
}

TEST(FrameSampler, StampsRoundedToMillisecondsLoseNoFrame) {
  std::vector<double> pts;
  for (int i = 0; i < 3000; ++i) pts.push_back(std::round(i / 29.97 * 1000) / 1000);
  EXPECT_EQ(sample(FrameSampler::by_rate(29.97, 0.0005 + 1e-9), pts, 0.033).size(), 3000U);
}

TEST(FrameSampler, AGapOfYearsCostsNothing) {
  FrameSampler sampler = FrameSampler::by_rate(10000, 0);
  EXPECT_TRUE(sampler.offer(0).current);
  (void)sampler.offer(0.00005);
  EXPECT_TRUE(sampler.offer(1e9 + 0.00005).previous);
}

TEST(FrameSampler, StopsAfterTheLastOfGivenTimes) {
  FrameSampler sampler = FrameSampler::at_times({0, 0.2}, 1e-9);
  EXPECT_FALSE(sampler.exhausted());
  EXPECT_TRUE(sampler.offer(0).current);
  EXPECT_FALSE(sampler.offer(0.1).current);
  EXPECT_TRUE(sampler.offer(0.2).current);
  EXPECT_TRUE(sampler.exhausted());
}

TEST(FrameSampler, AgreesWithTheDefinitionUnderVariableRate) {
  const std::uint64_t seed = 20240611;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(12);
  std::uniform_real_distribution<double> rate_of(0.5, 60), unit(0, 1);
  for (int round = 0; round < 500; ++round) {
    std::vector<double> pts{unit(random) < 0.5 ? 0.0 : unit(random)};
    while (pts.size() < 80) pts.push_back(pts.back() + gap(random) + 1e-4);
    const double rate = rate_of(random), tolerance = 2e-5, duration = unit(random);
    std::vector<double> times;
    for (int k = 0; k / rate < pts.back() + duration + 1; ++k) times.push_back(k / rate);
    const auto expected = oracle(times, pts, duration, tolerance);
    ASSERT_EQ(sample(FrameSampler::by_rate(rate, tolerance), pts, duration), expected)
        << "round " << round << ", rate " << rate;
    ASSERT_EQ(sample(FrameSampler::at_times(times, tolerance), pts, duration), expected)
        << "round " << round;
  }
}

TEST(FrameSampler, RefusesARateThatIsNone) {
  for (const double rate :
       {0.0, -1.0, 1e9, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW((void)FrameSampler::by_rate(rate, 0), Error) << rate;
  }
}

TEST(SpreadEvenly, IsTheFloorOfLinspaceAtAConstantRate) {
  for (const int frames : {1, 2, 7, 32, 96, 1000}) {
    const auto pts = constant_rate(frames, 30);
    for (const int count : {1, 2, 3, 8, 32, 64, 96, 200}) {
      const auto chosen = spread_evenly(pts, count, 1e-9);
      const int wanted = std::min(count, frames);
      ASSERT_EQ(chosen.size(), static_cast<std::size_t>(wanted));
      for (int i = 0; i < wanted; ++i) {
        const int index = wanted == 1 ? 0 : i * (frames - 1) / (wanted - 1);
        EXPECT_EQ(chosen[static_cast<std::size_t>(i)], static_cast<std::size_t>(index))
            << frames << " frames, " << count << " wanted, " << i;
      }
    }
  }
}

TEST(SpreadEvenly, FollowsTimeNotFrameNumbers) {
  // Nine frames in the first second, then one every second: half way in time is 4.5 s.
  EXPECT_EQ(spread_evenly({0, .1, .2, .3, .4, .5, .6, .7, .8, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 3, 0),
            (std::vector<std::size_t>{0, 12, 17}));
}

TEST(SpreadEvenly, IsDistinctAscendingAndExactInNumber) {
  const std::uint64_t seed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1000; ++round) {
    std::vector<double> pts{0};
    const std::size_t frames = 1 + random() % 50;
    while (pts.size() < frames) {
      pts.push_back(pts.back() + (random() % 4 == 0 ? 10.0 : 0.0));  // duplicates and gaps
    }
    const auto count = static_cast<std::int64_t>(1 + random() % 60);
    const auto chosen = spread_evenly(pts, count, 1e-9);
    ASSERT_EQ(chosen.size(), std::min(frames, static_cast<std::size_t>(count)));
    ASSERT_TRUE(std::is_sorted(chosen.begin(), chosen.end(), std::less_equal<>()));
    ASSERT_LT(chosen.back(), frames);
  }
}

TEST(SpreadEvenly, TakesNothingFromNothing) {
  EXPECT_TRUE(spread_evenly({}, 5, 0).empty());
}

}  // namespace
}  // namespace sluice::stream

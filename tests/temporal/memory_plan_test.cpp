#include "temporal/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"

namespace sluice::temporal {
namespace {

using Integers = std::vector<std::int64_t>;

std::int64_t sum(const Integers& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

std::int64_t tokens_of(const std::vector<ChapterSize>& chapters) {
  std::int64_t tokens = 0;
  for (const ChapterSize& chapter : chapters) tokens += chapter.tokens;
  return tokens;
}

Integers tokens_of(const std::vector<ChapterGroup>& groups) {
  Integers tokens;
  for (const ChapterGroup& group : groups) tokens.push_back(group.tokens);
  return tokens;
}

Integers chapters_of(const std::vector<ChapterGroup>& groups) {
  Integers chapters;
  for (const ChapterGroup& group : groups) chapters.push_back(group.chapters);
  return chapters;
}

/// Nothing was merged yet.
ChapterSize fresh(std::int64_t frames, std::int64_t tokens) {
  return {frames, tokens, tokens};
}

TEST(ShareByFrames, IsProportionalWhereNothingHinders) {
  EXPECT_EQ(share_by_frames(60, Integers{1, 2, 3}, Integers{1, 1, 1}, Integers{99, 99, 99}),
            (Integers{10, 20, 30}));
}

TEST(ShareByFrames, WhatOneCannotTakeGoesToTheOthers) {
  EXPECT_EQ(share_by_frames(60, Integers{1, 2, 3}, Integers{1, 1, 1}, Integers{99, 99, 6}),
            (Integers{18, 36, 6}));
  EXPECT_EQ(share_by_frames(60, Integers{1, 2, 3}, Integers{30, 1, 1}, Integers{99, 99, 99}),
            (Integers{30, 12, 18}));
}

/// The ratio of tokens to frames at which clamped quotas add up to the total.
double level(std::int64_t total, const Integers& frames, const Integers& least,
             const Integers& most) {
  double low = 0, high = 1e12;
  for (int step = 0; step < 300; ++step) {
    const double middle = (low + high) / 2;
    double quotas = 0;
    for (std::size_t i = 0; i < frames.size(); ++i)
      quotas += std::clamp(middle * static_cast<double>(frames[i]), static_cast<double>(least[i]),
                           static_cast<double>(most[i]));
    (quotas < static_cast<double>(total) ? low : high) = middle;
  }
  return high;
}

TEST(ShareByFrames, IsExactWithinLimitsAndWithinOneOfTheQuota) {
  test::Random random(1);
  for (std::int64_t round = 0; round < test::cases(40000); ++round) {
    const std::int64_t n = random.integer(1, 30);
    Integers frames, least, most;
    for (std::int64_t i = 0; i < n; ++i) {
      frames.push_back(random.chance(0.2) ? random.integer(1, 100000) : random.integer(1, 20));
      least.push_back(random.chance(0.2) ? random.integer(1, 50) : 1);
      most.push_back(least.back() + random.integer(0, random.chance(0.5) ? 5 : 200));
    }
    const std::int64_t total = random.integer(sum(least), sum(most));
    const Integers shares = share_by_frames(total, frames, least, most);
    ASSERT_EQ(sum(shares), total) << "round " << round;
    const double ratio = level(total, frames, least, most);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      ASSERT_GE(shares[i], least[i]) << "round " << round;
      ASSERT_LE(shares[i], most[i]) << "round " << round;
      const double quota = std::clamp(ratio * static_cast<double>(frames[i]),
                                      static_cast<double>(least[i]), static_cast<double>(most[i]));
      ASSERT_LE(std::abs(static_cast<double>(shares[i]) - quota), 2.0)
          << "round " << round << ", group " << i << " of " << n;
    }
  }
}

TEST(ShareByFrames, RefusesWhatDoesNotAddUp) {
  EXPECT_CONTAINS(test::input_error_of([] {
                    (void)share_by_frames(1, Integers{1, 1}, Integers{1, 1}, Integers{5, 5});
                  }),
                  "expected 2 to 10");
}

TEST(MemoryPlan, LeavesASixteenthFree) {
  EXPECT_EQ(tokens_after_compaction(8192), 7680);
  EXPECT_EQ(tokens_after_compaction(16), 15);
  EXPECT_EQ(tokens_after_compaction(15), 15);
  EXPECT_EQ(tokens_after_compaction(1), 1);
}

TEST(MemoryPlan, TheRecentPartLeavesRoomForWhatIsOlder) {
  EXPECT_EQ(recent_allowance(8192, 0.25), 2048);
  EXPECT_EQ(recent_allowance(10, 0.25), 2);  // 2.5, to even
  EXPECT_EQ(recent_allowance(100, 0), 0);
  EXPECT_EQ(recent_allowance(100, 1), 93);
  EXPECT_EQ(recent_allowance(1, 1), 0);
}

TEST(MemoryPlan, CountsWhatArrivedNotWhatIsLeft) {
  const std::vector<ChapterSize> chapters{{4, 2, 50}, fresh(4, 10), fresh(4, 10)};
  EXPECT_EQ(count_recent(chapters, 19), 1);
  EXPECT_EQ(count_recent(chapters, 20), 2);
  EXPECT_EQ(count_recent(chapters, 69), 2);
  EXPECT_EQ(count_recent(chapters, 70), 3);
}

TEST(MemoryPlan, OlderChaptersShareByTheirFrames) {
  // 100 − 6 to keep; the newest 20 are recent, 74 left for 30 frames.
  const std::vector<ChapterSize> chapters{fresh(20, 60), fresh(10, 30), fresh(5, 20)};
  const auto groups = plan_compaction(chapters, 100, 0.25);
  EXPECT_EQ(tokens_of(groups), (Integers{49, 25, 20}));
  EXPECT_EQ(chapters_of(groups), (Integers{1, 1, 1}));
}

TEST(MemoryPlan, TheShortestNeighboursAreJoinedFirst) {
  // recent 0; 32 − 2 to keep, so room for 3 chapters, one of which is the edge.
  const std::vector<ChapterSize> chapters{fresh(9, 8), fresh(2, 8), fresh(3, 8), fresh(4, 8),
                                          fresh(1, 8)};
  EXPECT_EQ(chapters_of(plan_compaction(chapters, 32, 0)), (Integers{1, 3, 1}));
}

TEST(MemoryPlan, TiesJoinTheOldest) {
  const std::vector<ChapterSize> chapters(5, fresh(2, 8));
  EXPECT_EQ(chapters_of(plan_compaction(chapters, 38, 0)), (Integers{2, 1, 1, 1}));
}

TEST(MemoryPlan, ASegmentTooLargeForTheRecentPartGetsAllOfIt) {
  // By frames it would get 3 of 94.
  const std::vector<ChapterSize> chapters{{970, 90, 900}, fresh(30, 60)};
  EXPECT_EQ(tokens_of(plan_compaction(chapters, 100, 0.25)), (Integers{69, 25}));
  // A newer segment takes its part of the allowance.
  const std::vector<ChapterSize> with_newer{{970, 60, 900}, fresh(30, 60), fresh(1, 5)};
  EXPECT_EQ(tokens_of(plan_compaction(with_newer, 100, 0.25)), (Integers{60, 29, 5}));
}

TEST(MemoryPlan, TheOldestChapterKeepsATokenWhateverTheShare) {
  const std::vector<ChapterSize> chapters{fresh(1, 1), fresh(1, 3), fresh(1, 3)};
  const auto groups = plan_compaction(chapters, 6, 1.0);
  EXPECT_EQ(chapters_of(groups), (Integers{2, 1}));
  EXPECT_EQ(tokens_of(groups), (Integers{3, 3}));
}

TEST(MemoryPlan, KeepsItsWordOnRandomMemories) {
  test::Random random(2);
  std::int64_t joined = 0;
  for (std::int64_t round = 0; round < test::cases(40000); ++round) {
    const std::int64_t budget = random.integer(1, random.chance(0.5) ? 40 : 600);
    const double recent = random.chance(0.2) ? 1.0 : random.uniform();
    std::vector<ChapterSize> chapters;
    while (tokens_of(chapters) <= budget) {
      const std::int64_t tokens = random.integer(1, random.chance(0.1) ? 2 * budget : 10);
      const std::int64_t more = random.chance(0.5) ? 0 : random.integer(0, 100);
      chapters.push_back({random.integer(1, 50), tokens, tokens + more});
    }
    const auto groups = plan_compaction(chapters, budget, recent);
    const std::int64_t left = tokens_after_compaction(budget);
    ASSERT_EQ(sum(chapters_of(groups)), std::ssize(chapters)) << "round " << round;
    ASSERT_EQ(sum(tokens_of(groups)), left) << "round " << round;
    const std::int64_t recent_chapters = count_recent(chapters, recent_allowance(budget, recent));
    auto chapter = chapters.begin();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      std::int64_t had = 0;
      for (const auto end = chapter + groups[g].chapters; chapter != end; ++chapter)
        had += chapter->tokens;
      ASSERT_GE(groups[g].tokens, 1) << "round " << round;
      ASSERT_LE(groups[g].tokens, had) << "round " << round;
      if (chapters.end() - chapter < recent_chapters) {
        ASSERT_EQ(groups[g].chapters, 1) << "round " << round;
        ASSERT_EQ(groups[g].tokens, had) << "round " << round;
      }
      joined += groups[g].chapters - 1;
    }
  }
  EXPECT_GT(joined, 0);
}

}  // namespace
}  // namespace sluice::temporal

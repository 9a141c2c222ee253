// The report and the summary on a memory of fixed size: what they say, and that they hold together
// whatever the trace is like.
#include "apps/report/memory_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "apps/report/memory_history.h"
#include "apps/report/memory_summary.h"
#include "apps/report/memory_trace.h"
#include "kernels/error.h"
#include "tests/apps/markup_checker.h"

namespace sluice::report {
namespace {

using stream::Image;
using temporal::MemoryChapter;
using test::MarkupChecker;

/// A trace as a memory could have made it: old chapters long and merged, the newest as they came.
MemoryTrace synthetic_memory(int chapters, double seconds_per_frame = 0.5, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  MemoryTrace trace;
  trace.input = "videos/lecture.mp4";
  trace.settings = {{"tokens", "5000"}, {"recent", "0.25"}};
  trace.source.grid_rows = trace.source.grid_cols = 4;
  trace.budget = 5000;
  trace.recent = 0.25;
  trace.complete = true;
  std::int64_t frame = 0;
  for (int i = 0; i < chapters; ++i) {
    MemoryChapter chapter;
    chapter.recent = i >= chapters - 2;
    const std::int64_t frames = chapter.recent ? 2 : 1 + static_cast<std::int64_t>(random() % 40);
    chapter.first_frame = frame;
    chapter.last_frame = frame + frames - 1;
    chapter.first_pts = seconds_per_frame * static_cast<double>(chapter.first_frame);
    chapter.last_pts = seconds_per_frame * static_cast<double>(chapter.last_frame);
    chapter.arrived = 16 * frames;
    chapter.tokens = chapter.recent ? chapter.arrived : 1 + static_cast<std::int64_t>(random() % 3);
    chapter.segments = 1;
    frame += frames;
    trace.arrived += chapter.arrived;
    trace.held += chapter.tokens;
    trace.chapters.push_back(chapter);
    trace.history.add({frame, chapter.last_pts, trace.held, trace.arrived, i + 1});
  }
  trace.totals.frames = frame;
  trace.totals.seen = trace.totals.available = trace.totals.kept = trace.arrived;
  trace.arrived_weight = trace.held_weight = trace.arrived;
  trace.most_held = trace.held;
  trace.memory.segments = chapters;
  trace.stage_ms = {{"4 remember", 12.0}};
  return trace;
}

Thumbnails pictures_of(const MemoryTrace& trace, std::int64_t stride) {
  Thumbnails pictures;
  Image image;
  image.resize(32, 18);
  for (std::int64_t f = 0; f < trace.totals.frames; f += stride) pictures[f] = image;
  return pictures;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size()))
    ++count;
  return count;
}

TEST(MemoryReport, IsWellFormedWhateverTheTraceIsLike) {
  for (const int chapters : {0, 1, 2, 7, 60, 5000}) {
    for (const double seconds_per_frame : {0.0, 1.0 / 30, 0.5, 100.0}) {
      SCOPED_TRACE(testing::Message() << chapters << " chapters, " << seconds_per_frame << " s");
      const MemoryTrace trace = synthetic_memory(chapters, seconds_per_frame);
      EXPECT_EQ(MarkupChecker::fault_in(memory_report_html(trace, {})), "");
      EXPECT_EQ(MarkupChecker::fault_in(memory_report_html(trace, pictures_of(trace, 5))), "");
    }
  }
}

TEST(MemoryReport, EscapesWhatTheUserNamed) {
  MemoryTrace trace = synthetic_memory(3);
  trace.input = "<script>\"&\xff.mp4";
  trace.settings["<b>"] = "</dl>";
  trace.notes = {"<i>"};
  const std::string page = memory_report_html(trace, {});
  EXPECT_EQ(MarkupChecker::fault_in(page), "");
  EXPECT_EQ(page.find("<script>\"&"), std::string::npos);
}

TEST(MemoryReport, StaysSmallForAnyLength) {
  const MemoryTrace trace = synthetic_memory(5000);
  const std::string page = memory_report_html(trace, pictures_of(trace, 400));
  EXPECT_LT(page.size(), 2'000'000u);
  EXPECT_LE(occurrences(page, "<article"), 48u);
}

TEST(MemoryReport, ShowsAPictureOfEachChapterThatHasOne) {
  const MemoryTrace trace = synthetic_memory(9);
  const std::string page = memory_report_html(trace, pictures_of(trace, 1));
  EXPECT_EQ(occurrences(page, "<article"), 9u);
  EXPECT_EQ(occurrences(page, "<img width"), 9u + 5u) << "the chapters, and the first impression";
  Thumbnails one;
  one[trace.chapters[4].last_frame] = pictures_of(trace, 1).begin()->second;
  EXPECT_EQ(occurrences(memory_report_html(trace, one), "id=\"chapter-4\""), 1u);
}

TEST(MemoryReport, SaysSoIfAPromiseWasBroken) {
  const MemoryTrace good = synthetic_memory(9);
  const auto bad_badges = [](const MemoryTrace& trace) {
    return occurrences(memory_report_html(trace, {}), "badge bad");
  };
  EXPECT_EQ(bad_badges(good), 0u);

  MemoryTrace over_budget = good;
  over_budget.most_held = over_budget.budget + 1;
  EXPECT_FALSE(check_memory(over_budget).budget);
  EXPECT_EQ(bad_badges(over_budget), 1u);

  MemoryTrace lighter = good;
  --lighter.held_weight;
  EXPECT_FALSE(check_memory(lighter).weight);
  EXPECT_EQ(bad_badges(lighter), 1u);

  MemoryTrace gap = good;
  ++gap.chapters[3].first_frame;
  gap.chapters[3].last_frame = std::max(gap.chapters[3].last_frame, gap.chapters[3].first_frame);
  EXPECT_FALSE(check_memory(gap).time);
  EXPECT_EQ(bad_badges(gap), 1u);

  MemoryTrace short_of_the_end = good;
  ++short_of_the_end.totals.frames;
  EXPECT_FALSE(check_memory(short_of_the_end).time);
}

TEST(MemoryReport, RejectsATraceThatContradictsItself) {
  const auto rejected = [](auto&& change) {
    MemoryTrace trace = synthetic_memory(5);
    change(trace);
    EXPECT_THROW((void)memory_report_html(trace, {}), Error);
    EXPECT_THROW((void)memory_summary_json(trace), Error);
  };
  rejected([](MemoryTrace& trace) { ++trace.held; });
  rejected([](MemoryTrace& trace) { --trace.arrived; });
  rejected([](MemoryTrace& trace) { trace.chapters[1].last_frame = -1; });
  rejected([](MemoryTrace& trace) { trace.chapters[1].last_pts = -1; });
}

TEST(MemorySummary, HoldsTheTracesNumbers) {
  MemoryTrace trace = synthetic_memory(9);
  trace.snapshots = {"tokens-60.safetensors"};
  trace.chapters[0].last_pts = std::numeric_limits<double>::infinity();
  const auto json = nlohmann::json::parse(memory_summary_json(trace));
  EXPECT_EQ(json["mode"], "memory");
  EXPECT_EQ(json["counts"]["arrived"], trace.arrived);
  EXPECT_EQ(json["counts"]["kept"], trace.held);
  EXPECT_EQ(json["budget"]["tokens"], 5000);
  EXPECT_EQ(json["budget"]["exceeded"], false);
  EXPECT_EQ(json["chapters"].size(), 9u);
  EXPECT_EQ(json["chapters"][0]["last_s"], nullptr);
  EXPECT_EQ(json["chapters"][8]["recent"], true);
  EXPECT_EQ(json["chapters"][8]["tokens"], trace.chapters[8].tokens);
  EXPECT_EQ(json["history"].size(), 9u);
  EXPECT_EQ(json["history"][8]["held"], trace.held);
  EXPECT_EQ(json["snapshots"][0], "tokens-60.safetensors");
}

TEST(MemoryHistory, IsBoundedAndKeepsTheFirstAndTheNewest) {
  for (const std::size_t most : {0u, 4u, 7u, 64u}) {
    MemoryHistory history(most);
    const std::size_t bound = std::max<std::size_t>(most, 4);
    for (std::int64_t i = 0; i < 10'000; ++i) {
      history.add({i, static_cast<double>(i), 0, 0, 0});
      const auto& moments = history.moments();
      ASSERT_LT(moments.size(), bound + (i < 1 ? 1 : 0));
      ASSERT_EQ(moments.front().frames, 0);
      ASSERT_EQ(moments.back().frames, i);
      for (std::size_t m = 1; m < moments.size(); ++m)
        ASSERT_LT(moments[m - 1].frames, moments[m].frames);
      // Evenly spread: no step is longer than twice what an even spread over half as many has.
      const std::int64_t longest = 4 * (i + 1) / static_cast<std::int64_t>(bound) + 4;
      for (std::size_t m = 1; m < moments.size(); ++m)
        ASSERT_LE(moments[m].frames - moments[m - 1].frames, longest);
    }
  }
}

TEST(MemoryHistory, KeepsEverythingWhileThereIsRoom) {
  MemoryHistory history(100);
  for (std::int64_t i = 0; i < 99; ++i) history.add({i, 0, 0, 0, 0});
  EXPECT_EQ(history.moments().size(), 99u);
}

}  // namespace
}  // namespace sluice::report

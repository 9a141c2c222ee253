// The report, the comparison and the summary: what they say, and that they hold together whatever
// the trace is like.
#include "apps/report/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "apps/report/comparison.h"
#include "apps/report/html.h"
#include "apps/report/summary.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"
#include "kernels/error.h"
#include "tests/apps/markup_checker.h"
#include "tests/apps/synthetic_trace.h"

namespace sluice::report {
namespace {

using stream::Image;
using stream::Trace;
using test::MarkupChecker;
using test::synthetic_trace;

Image noise(int width, int height, std::uint32_t seed) {
  Image image;
  image.resize(width, height);
  std::mt19937 random(seed);
  for (std::uint8_t& value : image.rgb) value = static_cast<std::uint8_t>(random());
  return image;
}

std::vector<Thumbnails> thumbnails_of(const Trace& trace, int width = 64, int height = 36) {
  std::vector<Thumbnails> all;
  for (const auto& source : trace.sources) {
    ThumbnailCollector collector(thumbnail_frames(source));
    EXPECT_EQ(collector.wants_more(), !source.segments.empty());
    for (const std::int64_t frame : thumbnail_frames(source)) {
      collector.offer(frame, noise(width, height, static_cast<std::uint32_t>(frame)));
    }
    EXPECT_FALSE(collector.wants_more());
    all.push_back(collector.thumbnails());
  }
  return all;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(MarkupCheckerItself, FindsFaults) {
  const auto fault = [](const std::string& body) {
    return MarkupChecker::fault_in("<!DOCTYPE html>\n" + body);
  };
  EXPECT_EQ(fault("<p a=\"&lt;\">x<br/></p>"), "");
  for (const char* const bad : {"<p>", "<p></q>", "<p a=b></p>", "<p>&x;</p>", "<p><br></p>",
                                "<p a=\"1\" a=\"2\"></p>", "<p>1 < 2</p>", "</p>"}) {
    EXPECT_NE(fault(bad), "") << bad;
  }
}

TEST(Report, IsWellFormedForEveryKindOfTrace) {
  std::vector<std::pair<std::string, Trace>> traces;
  traces.emplace_back("plain", synthetic_trace());
  traces.emplace_back("one frame", synthetic_trace({.frames = 1}));
  traces.emplace_back("two frames", synthetic_trace({.frames = 2}));
  traces.emplace_back("no frames", synthetic_trace({.frames = 0}));
  traces.emplace_back("one position", synthetic_trace({.rows = 1, .cols = 1}));
  traces.emplace_back("wide", synthetic_trace({.frames = 900, .rows = 2, .cols = 31}));
  traces.emplace_back("nothing kept", synthetic_trace({.kept_share = 0}));
  traces.emplace_back("everything kept", synthetic_trace({.kept_share = 1, .faults = false}));
  traces.emplace_back("no source", Trace{});

  Trace unsegmented = synthetic_trace();
  unsegmented.sources[0].segments.clear();
  traces.emplace_back("no segments", unsegmented);

  Trace undefined = synthetic_trace();
  std::fill(undefined.sources[0].similarity.begin(), undefined.sources[0].similarity.end(),
            std::numeric_limits<float>::quiet_NaN());
  traces.emplace_back("similarities undefined", undefined);

  Trace timeless = synthetic_trace();
  std::fill(timeless.sources[0].pts.begin(), timeless.sources[0].pts.end(), 3.0);
  traces.emplace_back("times stand still", timeless);
  timeless.sources[0].pts[5] = std::numeric_limits<double>::quiet_NaN();
  traces.emplace_back("a time is missing", timeless);

  Trace two = synthetic_trace();
  two.sources.push_back(test::synthetic_source({.frames = 17, .rows = 3, .cols = 3, .seed = 8}));
  two.sources[1].source.id = "wrist";
  traces.emplace_back("two sources", two);

  for (const auto& [name, trace] : traces) {
    SCOPED_TRACE(name);
    EXPECT_EQ(MarkupChecker::fault_in(report_html(trace, thumbnails_of(trace))), "");
    std::string page = report_html(trace, {});
    EXPECT_EQ(MarkupChecker::fault_in(page), "");
    // Embedded pictures may spell anything.
    for (std::size_t at = page.find("base64,"); at != std::string::npos;
         at = page.find("base64,")) {
      page.erase(at, page.find('"', at) - at);
    }
    std::smatch number;
    EXPECT_FALSE(std::regex_search(page, number, std::regex("\\b(nan|inf)\\b"))) << number.prefix();
  }
}

TEST(Report, NeedsNothingFromOutside) {
  const Trace trace = synthetic_trace();
  for (const std::string& page :
       {report_html(trace, thumbnails_of(trace)),
        comparison_html(std::vector<CompareEntry>{{"a", &trace}}, thumbnails_of(trace)[0])}) {
    for (const char* const forbidden : {"http:", "https:", "url(", "@import", "<link", "<iframe"}) {
      EXPECT_FALSE(contains(page, forbidden)) << forbidden;
    }
    EXPECT_EQ(occurrences(page, " src=\""), occurrences(page, " src=\"data:image/"));
    EXPECT_EQ(occurrences(page, " href=\""), occurrences(page, " href=\"#"));
    EXPECT_TRUE(contains(page, "prefers-color-scheme: dark"));
  }
}

TEST(Report, EscapesWhateverComesFromTheInput) {
  const std::string hostile =
      "<script>alert(\"x\")</script>&'\x01\xff"
      "é";
  Trace trace = synthetic_trace();
  trace.input = hostile;
  trace.settings[hostile] = hostile;
  trace.stage_ms[hostile] = 5;
  trace.notes.push_back(hostile);
  trace.sources.push_back(trace.sources[0]);
  trace.sources[0].source.id = hostile;
  const std::vector<CompareEntry> entries{{hostile, &trace}};
  for (const std::string& page : {report_html(trace, {}), comparison_html(entries, {})}) {
    EXPECT_EQ(MarkupChecker::fault_in(page), "");
    EXPECT_FALSE(contains(page, "alert(\""));
    EXPECT_FALSE(contains(page, "<script>alert"));
    EXPECT_TRUE(contains(page, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;"));
    EXPECT_FALSE(contains(page, "\x01"));
    EXPECT_FALSE(contains(page, "\xff"));
  }
}

TEST(Report, SaysWhetherTheBudgetWasKept) {
  Trace trace = synthetic_trace();
  ASSERT_TRUE(check_budget(trace).holds);
  EXPECT_TRUE(contains(report_html(trace, {}), "✓ Exact budget"));

  ++trace.totals.kept;  // one more than the trace holds
  EXPECT_FALSE(check_budget(trace).holds);
  EXPECT_TRUE(contains(report_html(trace, {}), "✗ Budget not kept"));
  trace.settings["rounding"] = "parity";
  EXPECT_TRUE(contains(report_html(trace, {}), "Parity rounding"));

  Trace rowless = synthetic_trace();  // claims one token more than it has rows
  rowless.settings["budget"] = std::to_string(++rowless.totals.kept);
  EXPECT_FALSE(check_budget(rowless).holds);
  rowless.totals.dropped_tokens = 1;  // it was sent too late
  EXPECT_TRUE(check_budget(rowless).holds);

  Trace by_number = synthetic_trace();
  by_number.totals.unspent = 10;
  EXPECT_FALSE(check_budget(by_number).holds);
  by_number.settings["budget"] = std::to_string(by_number.totals.kept + 10);
  EXPECT_TRUE(check_budget(by_number).holds);
  by_number.totals.available = by_number.totals.kept - 1;
  EXPECT_FALSE(check_budget(by_number).holds);
}

TEST(Report, RoundsHalfToEvenLikeTheEngine) {
  Trace trace;
  trace.retain = 0.5;
  trace.totals.seen = 5;  // 2.5
  EXPECT_EQ(check_budget(trace).allowed, 2);
  trace.totals.seen = 7;  // 3.5
  EXPECT_EQ(check_budget(trace).allowed, 4);
}

TEST(Report, StaysSmallForLongRecordings) {
  Trace trace = synthetic_trace({.frames = 20000, .rows = 10, .cols = 10, .longest_segment = 5});
  ASSERT_GT(trace.sources[0].segments.size(), 5000U);
  for (int i = 0; i < 5000; ++i) trace.notes.push_back("packet " + std::to_string(i) + ": damaged");
  const auto thumbnails = thumbnails_of(trace, 1280, 720);
  EXPECT_EQ(thumbnails[0].size(), max_segment_thumbnails);
  EXPECT_EQ(thumbnails[0].begin()->second.width, thumbnail_width);
  const std::string page = report_html(trace, thumbnails);
  EXPECT_LT(page.size(), 8U << 20);
  EXPECT_TRUE(contains(page, "60 of "));
  EXPECT_EQ(MarkupChecker::fault_in(page), "");
}

TEST(Report, RefusesTracesThatContradictThemselves) {
  const auto refused = [](const auto& spoil) {
    Trace trace = synthetic_trace();
    spoil(trace.sources[0]);
    EXPECT_THROW((void)report_html(trace, {}), Error);
    EXPECT_THROW((void)summary_json(trace), Error);
  };
  refused([](auto& source) { source.assignment.pop_back(); });
  refused([](auto& source) { source.redundant.pop_back(); });
  refused([](auto& source) { source.similarity.push_back(1); });
  refused([](auto& source) { source.row_kind.pop_back(); });
  refused([](auto& source) { source.row_position[0] = source.source.positions(); });
  refused([](auto& source) { source.row_frame[0] = -1; });
  refused([](auto& source) {
    source.assignment[3] = static_cast<std::int32_t>(source.row_frame.size());
  });
  refused([](auto& source) { source.assignment[3] = -5; });
  refused([](auto& source) { source.segments.back().last += 1; });
  refused([](auto& source) { std::swap(source.segments[0], source.segments[1]); });
  refused([](auto& source) { source.source.grid_cols = 0; });
}

TEST(Report, WritesTheFileWhole) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "sluice-report-test";
  std::filesystem::create_directories(folder);
  const Trace trace = synthetic_trace();
  write_report(trace, {}, folder / "report.html");
  std::ifstream file(folder / "report.html", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), report_html(trace, {}));
  const std::filesystem::directory_iterator files(folder);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
  EXPECT_THROW(write_report(trace, {}, folder / "missing" / "report.html"), Error);
  std::filesystem::remove_all(folder);
}

TEST(Summary, SaysWhatTheTraceSays) {
  const Trace trace = synthetic_trace();
  const auto json = nlohmann::json::parse(summary_json(trace));
  EXPECT_EQ(json["counts"]["seen"], trace.totals.seen);
  EXPECT_EQ(json["counts"]["kept"], trace.totals.kept);
  EXPECT_EQ(json["counts"]["kept_static"].get<int>() + json["counts"]["kept_dynamic"].get<int>(),
            trace.totals.kept);
  EXPECT_EQ(json["counts"]["input_kept"].get<int>() + json["counts"]["input_merged"].get<int>() +
                json["counts"]["input_dropped"].get<int>(),
            trace.totals.seen);
  EXPECT_EQ(json["budget"]["exact"], true);
  EXPECT_EQ(json["sources"][0]["segments"].size(), trace.sources[0].segments.size());
  EXPECT_EQ(json["sources"][0]["grid"], (std::vector<int>{4, 6}));
  EXPECT_EQ(json["wall"]["stage_ms"]["decode"], 120.5);
  EXPECT_EQ(json["settings"]["beta"], "0.60");
}

TEST(Summary, DiffersBetweenRunsInWallTimesOnly) {
  Trace trace = synthetic_trace();
  const std::string first = summary_json(trace);
  for (auto& [stage, ms] : trace.stage_ms) ms *= 3;
  const std::string second = summary_json(trace);
  EXPECT_NE(first, second);
  const std::size_t wall = first.find("\"wall\"");
  ASSERT_NE(wall, std::string::npos);
  EXPECT_EQ(first.substr(0, wall), second.substr(0, wall));
  EXPECT_EQ(first.find("}", first.find("frames_per_s")), first.rfind("}\n  }\n}\n"));
}

TEST(Summary, SurvivesOddNumbersAndNames) {
  Trace trace = synthetic_trace({.frames = 0});
  trace.input = "bad \xff name";
  trace.tau = std::numeric_limits<double>::quiet_NaN();
  trace.stage_ms["instant"] = 0;
  const auto json = nlohmann::json::parse(summary_json(trace));
  EXPECT_TRUE(json["tau"].is_null());
  EXPECT_TRUE(json["wall"]["frames_per_s"]["instant"].is_null());
  EXPECT_TRUE(json["sources"][0]["begin_s"].is_null());
  EXPECT_EQ(json["input"], "bad \uFFFD name");
}

TEST(Comparison, ShowsEverySettingAtEveryMoment) {
  const Trace a = synthetic_trace({.kept_share = 0.1});
  const Trace b = synthetic_trace({.kept_share = 0.5, .seed = 4});
  const std::vector<CompareEntry> entries{{"few", &a}, {"many", &b}};
  ThumbnailCollector collector(comparison_frames(a.sources[0], 5));
  for (std::int64_t f = 0; f < a.sources[0].frames(); ++f) collector.offer(f, noise(64, 36, 1));
  EXPECT_FALSE(collector.wants_more());
  const std::string page = comparison_html(entries, collector.thumbnails());
  EXPECT_EQ(MarkupChecker::fault_in(page), "");
  EXPECT_EQ(occurrences(page, "<img "), 2U * 5U);
  EXPECT_EQ(occurrences(page, "<svg "), 2U);
  EXPECT_TRUE(contains(page, count_text(a.totals.kept)));
  EXPECT_TRUE(contains(page, count_text(b.totals.kept)));
}

TEST(Comparison, RefusesWhatCannotBeCompared) {
  const Trace a = synthetic_trace();
  const Trace shorter = synthetic_trace({.frames = 39});
  const Trace empty;
  const auto html = [](const std::vector<CompareEntry>& entries, const Thumbnails& moments = {}) {
    return comparison_html(entries, moments);
  };
  EXPECT_THROW((void)html({}), Error);
  EXPECT_THROW((void)html({{"a", &a}, {"b", &shorter}}), Error);
  EXPECT_THROW((void)html({{"a", &a}, {"b", &empty}}), Error);
  EXPECT_THROW((void)html({{"a", nullptr}}), Error);
  EXPECT_THROW((void)html({{"a", &a}}, {{40, noise(8, 8, 1)}}), Error);
}

}  // namespace
}  // namespace sluice::report

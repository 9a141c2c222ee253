// The report, the map views and the summary of 3-D recordings: what they say, and that they hold
// together whatever the trace is like.
#include "apps/report/spatial_report.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "apps/report/map_view.h"
#include "apps/report/spatial_statistics.h"
#include "apps/report/spatial_summary.h"
#include "apps/report/units.h"
#include "kernels/error.h"
#include "tests/apps/markup_checker.h"
#include "tests/apps/synthetic_spatial_trace.h"

namespace sluice::report {
namespace {

using stream::DropReason;
using stream::SpatialTrace;
using test::MarkupChecker;
using test::synthetic_spatial_trace;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size()))
    ++count;
  return count;
}

Thumbnails moments_of(const SpatialTrace& trace) {
  Thumbnails moments;
  for (std::size_t f = 0; f < trace.frames.size(); ++f)
    moments[static_cast<std::int64_t>(f)].resize(32, 24);
  return moments;
}

/// Without embedded pictures, which may spell anything.
std::string without_pictures(std::string page) {
  for (std::size_t at = page.find("base64,"); at != std::string::npos; at = page.find("base64,"))
    page.erase(at, page.find('"', at) - at);
  return page;
}

TEST(SpatialReport, IsWellFormedForEveryKindOfTrace) {
  std::vector<std::pair<std::string, SpatialTrace>> traces;
  traces.emplace_back("plain", synthetic_spatial_trace());
  traces.emplace_back("one frame", synthetic_spatial_trace({.frames = 1}));
  traces.emplace_back("no frames", synthetic_spatial_trace({.frames = 0}));
  traces.emplace_back("one patch", synthetic_spatial_trace({.rows = 1, .cols = 1}));
  traces.emplace_back("long", synthetic_spatial_trace({.frames = 700, .rows = 1, .cols = 2}));
  traces.emplace_back("no poses", synthetic_spatial_trace({.poses = false}));
  traces.emplace_back("clouds", synthetic_spatial_trace({.cloud = true}));
  traces.emplace_back("everything kept", synthetic_spatial_trace({.retain = 1, .faults = false}));

  SpatialTrace timeless = synthetic_spatial_trace();
  for (auto& frame : timeless.frames) frame.pts = 3;
  timeless.frames[2].pts = std::numeric_limits<double>::quiet_NaN();
  traces.emplace_back("times stand still", timeless);

  SpatialTrace far = synthetic_spatial_trace({.rows = 30, .cols = 30});
  far.voxels.front().x = 1e30F;
  far.voxels.back().y = -4e7F;
  traces.emplace_back("strays", far);

  for (const auto& [name, trace] : traces) {
    SCOPED_TRACE(name);
    EXPECT_EQ(MarkupChecker::fault_in(spatial_report_html(trace, moments_of(trace))), "");
    const std::string page = without_pictures(spatial_report_html(trace, {}));
    EXPECT_EQ(MarkupChecker::fault_in(page), "");
    std::smatch number;
    EXPECT_FALSE(std::regex_search(page, number, std::regex("\\b(nan|inf)\\b"))) << number.prefix();
    EXPECT_TRUE(nlohmann::json::parse(spatial_summary_json(trace)).is_object());
  }
}

TEST(SpatialReport, NeedsNothingFromOutside) {
  const SpatialTrace trace = synthetic_spatial_trace();
  const std::string page = spatial_report_html(trace, moments_of(trace));
  for (const char* const forbidden : {"http:", "https:", "url(", "@import", "<link", "<iframe"})
    EXPECT_FALSE(contains(page, forbidden)) << forbidden;
  EXPECT_EQ(occurrences(page, " src=\""), occurrences(page, " src=\"data:image/"));
  EXPECT_EQ(occurrences(page, " href=\""), occurrences(page, " href=\"#"));
  EXPECT_TRUE(contains(page, "prefers-color-scheme: dark"));
}

TEST(SpatialReport, EscapesWhateverComesFromTheInput) {
  const std::string hostile = "<script>alert(\"x\")</script>&'\x01\xff";
  SpatialTrace trace = synthetic_spatial_trace();
  trace.input = hostile;
  trace.settings[hostile] = hostile;
  trace.stage_ms[hostile] = 5;
  trace.notes.push_back(hostile);
  const std::string page = spatial_report_html(trace, {});
  EXPECT_EQ(MarkupChecker::fault_in(page), "");
  EXPECT_FALSE(contains(page, "<script>alert"));
  EXPECT_TRUE(contains(page, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;"));
}

TEST(SpatialReport, SaysWhatTheTraceSays) {
  const SpatialTrace trace = synthetic_spatial_trace({.frames = 30, .rows = 12, .cols = 12});
  const SpatialCounts counts = count(trace);
  const std::string page = spatial_report_html(trace, {});
  for (const std::int64_t figure : {counts.patches, counts.placed, counts.voxels, counts.kept})
    EXPECT_TRUE(contains(page, count_text(figure))) << figure;
  EXPECT_TRUE(contains(page, "✓ Exact budget"));
  EXPECT_TRUE(contains(page, "poses: " + count_text(counts.poses_given) + " given, " +
                                 count_text(counts.poses_estimated) + " estimated"));
  EXPECT_TRUE(contains(page, "From above"));
  EXPECT_TRUE(contains(page, "From the side"));
}

TEST(SpatialReport, SaysWhetherTheBudgetWasKept) {
  const auto verdict = [](const auto& spoil) {
    SpatialTrace trace = synthetic_spatial_trace();
    spoil(trace);
    return check_budget(trace).holds;
  };
  EXPECT_TRUE(verdict([](SpatialTrace&) {}));
  EXPECT_FALSE(verdict([](SpatialTrace& t) { ++t.frames[3].kept; }));
  EXPECT_FALSE(verdict([](SpatialTrace& t) { t.retain = 0.9; }));
  EXPECT_FALSE(verdict([](SpatialTrace& t) { t.budget = 3; }));
  EXPECT_FALSE(verdict([](SpatialTrace& t) { t.max_tokens = 1; }));
  EXPECT_FALSE(verdict([](SpatialTrace& t) {
    for (auto& voxel : t.voxels)
      if (voxel.fate == 0) voxel.fate = static_cast<std::int32_t>(DropReason::not_selected);
  }));
  EXPECT_TRUE(verdict([](SpatialTrace& t) {
    t.budget = 1'000'000;  // more than there are voxels: all are kept
    for (auto& frame : t.frames) frame.kept = frame.voxels;
    std::int32_t row = 0;
    for (auto& voxel : t.voxels)
      if (fate_of(voxel) != SpatialFate::gone) voxel.fate = row++;
  }));
}

TEST(SpatialReport, RefusesTracesThatContradictThemselves) {
  const auto refused = [](const auto& spoil) {
    SpatialTrace trace = synthetic_spatial_trace();
    spoil(trace);
    EXPECT_THROW((void)spatial_report_html(trace, {}), Error);
    EXPECT_THROW((void)spatial_summary_json(trace), Error);
  };
  refused([](SpatialTrace& t) { t.first_patch.pop_back(); });
  refused([](SpatialTrace& t) { t.first_patch[1] += 1; });
  refused([](SpatialTrace& t) { t.patch_xyz.pop_back(); });
  refused([](SpatialTrace& t) { t.patch_voxel[0] = static_cast<std::int32_t>(t.voxels.size()); });
  refused([](SpatialTrace& t) { t.patch_voxel[0] = -10; });
  refused([](SpatialTrace& t) { ++t.voxels[0].weight; });
  refused([](SpatialTrace& t) { t.voxels[0].fate = 1 << 20; });
  refused([](SpatialTrace& t) { t.voxels[0].fate = t.voxels[1].fate = 0; });
  refused([](SpatialTrace& t) { --t.frames[1].patches; });
}

TEST(SpatialReport, StaysSmallForLargeMaps) {
  const SpatialTrace trace = synthetic_spatial_trace({.frames = 40, .rows = 40, .cols = 40});
  SpatialTrace spread = trace;  // over hundreds of metres
  for (std::size_t v = 0; v < spread.voxels.size(); ++v) {
    spread.voxels[v].x = static_cast<float>(v % 5000);
    spread.voxels[v].y = static_cast<float>(v / 7 % 3000);
  }
  for (const SpatialTrace& large : {trace, spread}) {
    const std::string page = spatial_report_html(large, {});
    EXPECT_LT(page.size(), 4U << 20);
    EXPECT_EQ(MarkupChecker::fault_in(page), "");
  }
  EXPECT_TRUE(contains(spatial_report_html(spread, {}), "to a square"));
}

TEST(SpatialStatistics, EveryPatchIsCountedOnce) {
  for (const bool cloud : {false, true}) {
    const SpatialTrace trace = synthetic_spatial_trace({.frames = 25, .cloud = cloud, .seed = 4});
    require_consistent(trace);
    const SpatialCounts counts = count(trace);
    std::int64_t dropped = 0, voxels_dropped = 0, kept_for = 0;
    for (const std::int64_t n : counts.patches_dropped) dropped += n;
    for (const std::int64_t n : counts.voxels_dropped) voxels_dropped += n;
    for (const std::int64_t n : counts.kept_for) kept_for += n;
    EXPECT_EQ(counts.in_tokens + dropped, counts.patches);
    EXPECT_EQ(counts.kept + voxels_dropped, counts.voxels_ever);
    EXPECT_EQ(kept_for, counts.kept);
    EXPECT_GT(counts.voxels_ever, counts.voxels) << "some should be gone";
    EXPECT_EQ(counts.voxels, trace.frames.back().voxels);
    EXPECT_EQ(counts.near_duplicates(), counts.placed - counts.voxels_ever);
    EXPECT_EQ(
        counts.poses_given + counts.poses_estimated + counts.poses_assumed + counts.poses_missing,
        counts.frames);
    std::int64_t in_tokens = 0;
    for (const std::int32_t row : assignment_of(trace)) in_tokens += row >= 0 ? 1 : 0;
    EXPECT_EQ(in_tokens, counts.in_tokens);
  }
}

TEST(MapViews, UpIsWhereTheCamerasHeadsAre) {
  SpatialTrace trace = synthetic_spatial_trace();  // y down, looking along z, wider in x
  MapViews views = choose_views(trace);
  EXPECT_EQ(views.above.right.name(), "+x");
  EXPECT_EQ(views.above.toward.name(), "-y");
  EXPECT_EQ(views.above.up.name(), "+z") << "away from the camera is up the page";
  EXPECT_EQ(views.side.right.name(), "+x");
  EXPECT_EQ(views.side.up.name(), "-y");
  EXPECT_EQ(views.side.toward.name(), "-z") << "seen from the camera";

  // Turned half a turn about the vertical: right is where the camera's right is.
  for (auto& frame : trace.frames)
    if (frame.pose)
      for (const std::size_t i : {0U, 2U, 8U, 10U}) (*frame.pose)[i] *= -1;
  views = choose_views(trace);
  EXPECT_EQ(views.above.right.name(), "-x");
  EXPECT_EQ(views.above.up.name(), "-z");

  const MapViews clouds = choose_views(synthetic_spatial_trace({.cloud = true}));
  EXPECT_EQ(clouds.above.toward.name(), "+z") << "clouds say nothing of up";
  EXPECT_EQ(clouds.above.right.name(), "+x");
  EXPECT_EQ(clouds.above.up.name(), "+y");
}

TEST(MapViews, ShowTheVoxelNearestToTheReader) {
  // Two voxels above each other: from above only the upper one shows.
  SpatialTrace trace = synthetic_spatial_trace({.frames = 1, .rows = 1, .cols = 2, .cloud = true});
  trace.voxels.resize(2);
  trace.voxels[0] = {.key = 1, .x = 0, .y = 0, .z = 0, .views = 1, .fate = 0, .reason = 10};
  trace.voxels[1] = {.key = 2, .x = 0, .y = 0, .z = 1, .views = 1, .fate = -1};
  const std::string section = map_section(trace);
  const std::string above = section.substr(0, section.find("From the side"));
  EXPECT_TRUE(contains(above, "<path class=\"unkept"));
  EXPECT_FALSE(contains(above, "<path class=\"by-surface"));
  const std::string side = section.substr(section.find("From the side"));
  EXPECT_TRUE(contains(side, "<path class=\"unkept"));
  EXPECT_TRUE(contains(side, "<path class=\"by-surface"));
}

TEST(SpatialSummary, SaysWhatTheTraceSays) {
  const SpatialTrace trace = synthetic_spatial_trace();
  const SpatialCounts counts = count(trace);
  const auto json = nlohmann::json::parse(spatial_summary_json(trace));
  EXPECT_EQ(json["mode"], "spatial");
  EXPECT_EQ(json["counts"]["patches"], counts.patches);
  EXPECT_EQ(json["counts"]["kept"], counts.kept);
  EXPECT_EQ(json["budget"]["exact"], true);
  EXPECT_EQ(json["frames"]["kept"].size(), trace.frames.size());
  EXPECT_EQ(json["frames"]["voxels"].back(), counts.voxels);
  EXPECT_EQ(json["poses"]["estimated"], counts.poses_estimated);
  std::int64_t dropped = json["counts"]["in_tokens"];
  for (const auto& [reason, patches] : json["dropped"].items()) dropped += patches.get<int>();
  EXPECT_EQ(dropped, counts.patches);
  std::int64_t kept = 0;
  for (const auto& [reason, tokens] : json["kept_for"].items()) kept += tokens.get<int>();
  EXPECT_EQ(kept, counts.kept);
}

TEST(SpatialSummary, DiffersBetweenRunsInWallTimesOnly) {
  SpatialTrace trace = synthetic_spatial_trace();
  const std::string first = spatial_summary_json(trace);
  for (auto& [stage, ms] : trace.stage_ms) ms *= 3;
  const std::string second = spatial_summary_json(trace);
  EXPECT_NE(first, second);
  const std::size_t wall = first.find("\"wall\"");
  ASSERT_NE(wall, std::string::npos);
  EXPECT_EQ(first.substr(0, wall), second.substr(0, wall));
}

}  // namespace
}  // namespace sluice::report

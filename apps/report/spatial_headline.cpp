// What went in, what came out, whether the budget was kept, and pictures of it.
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/spatial_report.h"
#include "apps/report/spatial_sections.h"
#include "apps/report/time_axis.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::DropReason;
using stream::SpatialTrace;

std::string size_text(double metres) {
  return metres < 1 ? fmt::format("{:g} cm", std::round(metres * 1e4) / 100)
                    : fmt::format("{:g} m", metres);
}

std::string poses_text(const SpatialCounts& counts) {
  std::string text = fmt::format("poses: {} given, {} estimated", count_text(counts.poses_given),
                                 count_text(counts.poses_estimated));
  if (counts.poses_assumed > 0)
    text += fmt::format(", {} assumed", count_text(counts.poses_assumed));
  if (counts.poses_missing > 0)
    text += fmt::format(", {} missing", count_text(counts.poses_missing));
  return text;
}

std::string facts(const SpatialTrace& trace, const SpatialCounts& counts) {
  std::vector<std::string> facts;
  if (trace.source.image_width > 0)
    facts.push_back(
        fmt::format("{} × {} pixels", trace.source.image_width, trace.source.image_height));
  facts.push_back(plural(counts.frames, "frame"));
  if (const double seconds = duration_seconds(times_of(trace)); seconds > 0)
    facts.push_back(duration_text(seconds));
  facts.push_back(
      trace.source.grid_rows > 0
          ? fmt::format("{} × {} patches a frame", trace.source.grid_rows, trace.source.grid_cols)
          : "point clouds");
  facts.push_back("voxels of " + size_text(trace.voxel_size));
  facts.push_back(trace.budget ? fmt::format("budget {}", count_text(*trace.budget))
                               : fmt::format("retain {:g}", trace.retain));
  facts.push_back(poses_text(counts));
  return fact_list(facts);
}

std::string tiles(const SpatialTrace& trace, const SpatialCounts& counts) {
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return percent_text(static_cast<double>(part), static_cast<double>(whole));
  };
  const bool cloud = is_cloud(trace);
  std::string out = "<div class=\"tiles four\">\n";
  out += tile("", cloud ? "Elements" : "Patches", counts.patches, counts.patches,
              cloud ? "of the clouds, before any reduction" : "before any reduction");
  out += tile("", "Placed", counts.placed, counts.patches,
              share(counts.placed, counts.patches) + " have a place in the world");
  out += tile("", "Voxels", counts.voxels, counts.patches,
              share(counts.near_duplicates(), counts.placed) + " of the placed were duplicates");
  out += tile("is-kept", "Kept", counts.kept, counts.patches,
              share(counts.kept, counts.voxels) + " of the voxels, " +
                  share(counts.kept, counts.patches) + " of all");
  return out + "</div>\n";
}

std::string budget_badge(const SpatialTrace& trace, const SpatialCounts& counts) {
  const SpatialBudgetCheck check = check_budget(trace);
  std::string rule =
      trace.budget
          ? fmt::format("min({}, {} voxels)", count_text(check.allowed), count_text(counts.voxels))
          : fmt::format("rnd({:g} × {} voxels)", trace.retain, count_text(counts.voxels));
  if (trace.max_tokens > 0) rule += fmt::format(", at most {}", count_text(trace.max_tokens));
  return fmt::format(
      "<div class=\"badge{}\"><b>{}</b><span>{} kept {} {}, and so after {} of {} frames; {} "
      "output "
      "rows counted again.</span></div>\n",
      check.holds ? "" : " bad", check.holds ? "✓ Exact budget" : "✗ Budget not kept",
      count_text(counts.kept), check.holds ? "=" : "against", rule, count_text(check.exact_frames),
      count_text(counts.frames), count_text(check.counted));
}

std::string moment_html(const SpatialTrace& trace, std::int64_t frame,
                        const stream::Image& picture) {
  constexpr int jpeg_quality = 82;
  return fmt::format(
      "<img loading=\"lazy\" width=\"{}\" height=\"{}\" alt=\"Frame {} with the tokens kept after "
      "it\" src=\"{}\"/>\n<span class=\"note\">{}</span>",
      picture.width, picture.height, frame, jpeg_uri(picture, jpeg_quality),
      time_text(trace.frames[static_cast<std::size_t>(frame)].pts, 0.1));
}

/// Evenly chosen pictures that belong to a frame of the trace.
std::vector<Thumbnails::const_iterator> chosen_moments(const SpatialTrace& trace,
                                                       const Thumbnails& moments,
                                                       std::size_t most) {
  std::vector<Thumbnails::const_iterator> known, chosen;
  for (auto moment = moments.begin(); moment != moments.end(); ++moment)
    if (moment->first >= 0 && moment->first < static_cast<std::int64_t>(trace.frames.size()))
      known.push_back(moment);
  for (const std::size_t i : evenly_chosen(known.size(), most)) chosen.push_back(known[i]);
  return chosen;
}

}  // namespace

std::string spatial_headline_section(const SpatialTrace& trace, const SpatialCounts& counts) {
  return "<header>\n" + page_heading("3-D replay", trace.input) + facts(trace, counts) +
         "</header>\n" + tiles(trace, counts) + budget_badge(trace, counts);
}

std::string spatial_fates_section(const SpatialTrace& trace, const SpatialCounts& counts) {
  const auto dropped = [&](DropReason reason) {
    return counts.patches_dropped[drop_index(reason)];
  };
  const std::int64_t gone = dropped(DropReason::seen_through) + dropped(DropReason::evicted);
  const std::string inputs = is_cloud(trace) ? "elements" : "patches";
  return "<h2>What became of the " + inputs + "</h2>\n<p>Each is counted once. " +
         (is_cloud(trace) ? "Elements" : "Patches") +
         " that show the same piece of a surface are merged into one voxel, whatever frame they "
         "are "
         "from.</p>\n" +
         split_bar({{"kept", counts.in_tokens,
                     fmt::format("merged into {} that were kept", plural(counts.kept, "token"))},
                    {"dropped", dropped(DropReason::not_selected), "in voxels that were not kept"},
                    {"fault", gone, "in voxels that are gone"},
                    {"ink", counts.patches - counts.placed, "without a place"}});
}

std::string spatial_filmstrip(const SpatialTrace& trace, const Thumbnails& moments) {
  constexpr std::size_t most = 4;
  const auto chosen = chosen_moments(trace, moments, most);
  if (chosen.empty()) return {};
  std::string out = "<div class=\"film\">";
  for (const auto& moment : chosen)
    out += fmt::format("<a href=\"#moment-{}\">{}</a>\n", moment->first,
                       moment_html(trace, moment->first, moment->second));
  return out + "</div>\n";
}

std::string spatial_moments_section(const SpatialTrace& trace, const Thumbnails& moments) {
  const auto chosen = chosen_moments(trace, moments, max_spatial_moments);
  if (chosen.empty()) return {};
  std::string out =
      "<h2>Through the camera</h2>\n<p>The tokens kept after each of these frames, where the "
      "camera "
      "sees them; small grey dots are voxels that were not kept. Surfaces in front hide what is "
      "behind them.</p>\n<div class=\"segments\">\n";
  for (const auto& moment : chosen) {
    const auto& frame = trace.frames[static_cast<std::size_t>(moment->first)];
    out += fmt::format(
        "<article class=\"card segment\" id=\"moment-{}\">{}<div class=\"body\"><dl>"
        "<dt>Frame</dt><dd>{}</dd><dt>Voxels</dt><dd>{}</dd><dt>Kept</dt><dd><b>{}</b></dd>"
        "<dt>Exchanged</dt><dd>{}</dd></dl></div></article>\n",
        moment->first, moment_html(trace, moment->first, moment->second), count_text(moment->first),
        count_text(frame.voxels), count_text(frame.kept), percent_text(frame.turnover, 1));
  }
  return out + "</div>\n";
}

}  // namespace sluice::report

// Why tokens were kept, what was lost and why, and how to read the files.
#include <fmt/format.h>

#include <array>
#include <vector>

#include "apps/report/report_blocks.h"
#include "apps/report/spatial_sections.h"
#include "apps/report/summary.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::DropReason;
using stream::SpatialTrace;

struct Loss {
  DropReason reason;
  std::string_view name, meaning, css_class;
};

constexpr std::array losses{
    Loss{DropReason::no_depth, "No depth", "no valid depth in the patch, or a frame without a pose",
         "dropped"},
    Loss{DropReason::outside, "Outside", "too near, too far, or beyond what a voxel key can name",
         "dropped"},
    Loss{DropReason::non_finite, "Not finite", "NaN or infinity among its features", "fault"},
    Loss{DropReason::seen_through, "Seen through", "a later frame saw what is behind it", "fault"},
    Loss{DropReason::evicted, "Evicted", "forgotten: too far away, too old, or the map was full",
         "fault"},
    Loss{DropReason::over_cap, "Over the cap", "its voxel was one too many", "dropped"},
    Loss{DropReason::not_selected, "Not kept", "other voxels ranked higher", "dropped"},
};

std::string kept_table(const SpatialCounts& counts) {
  std::string out =
      "<div class=\"card scroll\"><table><thead><tr><th>Reason</th><th class=\"n\">Tokens</th>"
      "<th class=\"n\">Of the kept</th><th></th></tr></thead><tbody>\n";
  for (const ReasonStyle& style : spatial_reasons()) {
    const std::int64_t tokens = counts.kept_for[static_cast<std::size_t>(style.reason)];
    if (tokens == 0) continue;
    const auto part = static_cast<double>(tokens), whole = static_cast<double>(counts.kept);
    out += fmt::format(
        "<tr><td>{}<small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"wide\">{}</td></tr>\n",
        style.name, style.meaning, count_text(tokens), percent_text(part, whole),
        meter(style.css_class, part, whole));
  }
  return out + "</tbody></table></div>\n";
}

std::string losses_table(const SpatialTrace& trace, const SpatialCounts& counts) {
  std::string out = fmt::format(
      "<div class=\"card scroll\"><table><thead><tr><th>Reason</th><th class=\"n\">{}</th>"
      "<th class=\"n\">Of all</th><th></th><th class=\"n\">Voxels</th></tr></thead><tbody>\n",
      is_cloud(trace) ? "Elements" : "Patches");
  for (const Loss& loss : losses) {
    const std::int64_t patches = counts.patches_dropped[drop_index(loss.reason)];
    const std::int64_t voxels = counts.voxels_dropped[drop_index(loss.reason)];
    const auto part = static_cast<double>(patches), whole = static_cast<double>(counts.patches);
    out += fmt::format(
        "<tr{}><td>{}<small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"wide\">{}</td><td class=\"n\">{}</td></tr>\n",
        patches == 0 ? " class=\"none\"" : "", loss.name, loss.meaning, count_text(patches),
        percent_text(part, whole), meter(loss.css_class, part, whole),
        voxels > 0 ? count_text(voxels) : "–");
  }
  return out + "</tbody></table></div>\n";
}

/// Sentences on everything that is not the plain case; empty if nothing happened.
std::vector<std::string> incidents(const SpatialTrace& trace, const SpatialCounts& counts) {
  std::vector<std::string> lines;
  const auto add = [&](std::int64_t count, std::string_view noun, std::string_view rest) {
    if (count > 0) lines.push_back(fmt::format("{} {}", plural(count, noun), rest));
  };
  add(counts.poses_missing, "frame", "without a pose: nothing in them could be placed.");
  add(counts.poses_estimated, "pose", "estimated, because the recording has none there.");
  add(counts.poses_assumed, "pose", "assumed: everything is taken to lie in one frame.");
  add(trace.non_finite, "patch", "with NaN or infinity among the features: left out.");
  add(trace.skipped_input, "damaged or incomplete frame",
      "skipped; the recording went on without.");
  lines.insert(lines.end(), trace.notes.begin(), trace.notes.end());
  return lines;
}

}  // namespace

std::string spatial_reasons_section(const SpatialTrace& trace, const SpatialCounts& counts) {
  std::string out;
  if (counts.kept > 0)
    out +=
        "<h2>Why tokens were kept</h2>\n<p>After the last frame. Each was chosen for one reason, "
        "the first that applied.</p>\n" +
        kept_table(counts);
  return out + "<h2>What was lost, and why</h2>\n<p>What is in no token.</p>\n" +
         losses_table(trace, counts) +
         note_list(incidents(trace, counts), "Nothing was skipped, and every frame has a pose.");
}

std::string spatial_footer_section(const SpatialTrace& trace) {
  const bool flat = is_cloud(trace);
  return fmt::format(
      "<h2>Reading the tokens</h2>\n<p><code>tokens.safetensors</code>, beside this page, holds "
      "what was kept after the last frame, ordered by place. <code>tokens.ply</code> shows the "
      "same "
      "in any point cloud viewer.</p>\n"
      "<pre>from safetensors.numpy import load_file\n\n"
      "tokens = load_file(\"tokens.safetensors\")\n"
      "tokens[\"features\"]    # [n, D]  one row per kept token: mean over its patches\n"
      "tokens[\"xyz\"]         # [n, 3]  metres in the world\n"
      "tokens[\"views\"]       # [n]     frames that saw it\n"
      "tokens[\"weight\"]      # [n]     patches merged into it\n"
      "tokens[\"frame\"]       # [n]     first frame that saw it; frame_last: the last\n"
      "tokens[\"key\"]         # [n]     its voxel\n"
      "tokens[\"reason\"]      # [n]     why it was kept; score: what it was ranked by\n"
      "{}</pre>\n"
      "<footer>Made by Sluice {}. This page needs no network and holds no external resources."
      "</footer>\n",
      flat ? "tokens[\"assignment\"]  # [N]     output row of each element, or a negative reason;\n"
             "tokens[\"frame_first\"] # [F+1]   where each frame’s elements begin in it"
           : "tokens[\"assignment\"]  # [F, S]  output row of each patch, or a negative reason",
      sluice_version());
}

}  // namespace sluice::report

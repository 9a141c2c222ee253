#include "apps/report/spatial_summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/report/html.h"
#include "apps/report/spatial_statistics.h"
#include "apps/report/summary.h"

namespace sluice::report {
namespace {

using Json = nlohmann::ordered_json;
using stream::DropReason;
using stream::SpatialTrace;
using stream::SpatialTraceFrame;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json counts_json(const SpatialTrace& trace, const SpatialCounts& counts) {
  return {{"frames", counts.frames},
          {"patches", counts.patches},
          {"placed", counts.placed},
          {"voxels", counts.voxels},
          {"kept", counts.kept},
          {"voxels_ever", counts.voxels_ever},
          {"in_tokens", counts.in_tokens},
          {"near_duplicates", counts.near_duplicates()},
          {"non_finite", trace.non_finite},
          {"skipped_input", trace.skipped_input}};
}

Json dropped_json(const SpatialCounts& counts) {
  const auto patches = [&](DropReason reason) {
    return counts.patches_dropped[drop_index(reason)];
  };
  return {{"no_depth", patches(DropReason::no_depth)},
          {"outside", patches(DropReason::outside)},
          {"non_finite", patches(DropReason::non_finite)},
          {"not_selected", patches(DropReason::not_selected)},
          {"seen_through", patches(DropReason::seen_through)},
          {"evicted", patches(DropReason::evicted)},
          {"over_cap", patches(DropReason::over_cap)}};
}

Json voxels_dropped_json(const SpatialCounts& counts) {
  const auto voxels = [&](DropReason reason) { return counts.voxels_dropped[drop_index(reason)]; };
  return {{"not_selected", voxels(DropReason::not_selected)},
          {"seen_through", voxels(DropReason::seen_through)},
          {"evicted", voxels(DropReason::evicted)}};
}

Json reasons_json(const SpatialCounts& counts) {
  Json json = Json::object();
  for (const ReasonStyle& style : spatial_reasons()) {
    // "by-novelty" → "novelty"
    const std::string name(style.css_class.substr(3));
    json[name] = counts.kept_for[static_cast<std::size_t>(style.reason)];
  }
  return json;
}

Json extent_json(const SpatialTrace& trace) {
  constexpr float far = std::numeric_limits<float>::max();
  std::array<float, 3> low{far, far, far}, high{-far, -far, -far};
  for (const auto& voxel : trace.voxels) {
    if (fate_of(voxel) == SpatialFate::gone) continue;
    const std::array place{voxel.x, voxel.y, voxel.z};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], place[axis]);
      high[axis] = std::max(high[axis], place[axis]);
    }
  }
  if (low[0] > high[0]) return nullptr;
  return {{"min", low}, {"max", high}};
}

Json source_json(const stream::Source& source) {
  return {{"id", source.id},
          {"grid", {source.grid_rows, source.grid_cols}},
          {"image", {source.image_width, source.image_height}},
          {"feature_width", source.feature_width}};
}

const char* pose_text(const SpatialTraceFrame& frame) {
  if (!frame.pose) return "missing";
  return frame.pose_estimated ? "estimated" : frame.pose_assumed ? "assumed" : "given";
}

Json frames_json(const SpatialTrace& trace) {
  Json json;
  const auto list = [&](const char* name, auto&& value_of) {
    Json values = Json::array();
    for (const SpatialTraceFrame& frame : trace.frames) values.push_back(value_of(frame));
    json[name] = std::move(values);
  };
  const auto counts = [&](const char* name, std::int64_t SpatialTraceFrame::*member) {
    list(name, [member](const SpatialTraceFrame& frame) { return Json(frame.*member); });
  };
  list("pts_s", [](const SpatialTraceFrame& frame) { return number(frame.pts); });
  list("pose", [](const SpatialTraceFrame& frame) { return Json(pose_text(frame)); });
  counts("patches", &SpatialTraceFrame::patches);
  counts("placed", &SpatialTraceFrame::placed);
  counts("voxels", &SpatialTraceFrame::voxels);
  counts("budget", &SpatialTraceFrame::budget);
  counts("kept", &SpatialTraceFrame::kept);
  counts("added", &SpatialTraceFrame::added);
  counts("changed", &SpatialTraceFrame::changed);
  counts("seen_through", &SpatialTraceFrame::seen_through);
  counts("evicted", &SpatialTraceFrame::evicted);
  counts("entered", &SpatialTraceFrame::entered);
  counts("left", &SpatialTraceFrame::left);
  counts("vanished", &SpatialTraceFrame::vanished);
  list("turnover", [](const SpatialTraceFrame& frame) { return number(frame.turnover); });
  return json;
}

Json wall_json(const SpatialTrace& trace) {
  Json json = {{"stage_ms", Json::object()}, {"frames_per_s", Json::object()}};
  const auto frames = static_cast<double>(trace.frames.size());
  for (const auto& [stage, ms] : trace.stage_ms) {
    json["stage_ms"][stage] = number(ms);
    json["frames_per_s"][stage] = number(1000 * frames / ms);
  }
  return json;
}

}  // namespace

std::string spatial_summary_json(const SpatialTrace& trace) {
  require_consistent(trace);
  const SpatialCounts counts = count(trace);
  const SpatialBudgetCheck budget = check_budget(trace);
  Json json;
  json["schema"] = "1.0";
  json["version"] = sluice_version();
  json["input"] = trace.input;
  json["mode"] = "spatial";
  json["retain"] = trace.budget ? Json(nullptr) : number(trace.retain);
  json["settings"] = trace.settings;
  json["counts"] = counts_json(trace, counts);
  json["near_duplicate_share"] =
      number(static_cast<double>(counts.near_duplicates()) / static_cast<double>(counts.placed));
  json["poses"] = {{"given", counts.poses_given},
                   {"estimated", counts.poses_estimated},
                   {"assumed", counts.poses_assumed},
                   {"missing", counts.poses_missing}};
  json["dropped"] = dropped_json(counts);
  json["voxels_dropped"] = voxels_dropped_json(counts);
  json["kept_for"] = reasons_json(counts);
  json["budget"] = {{"allowed", budget.allowed},
                    {"kept", counts.kept},
                    {"rows", budget.counted},
                    {"exact_frames", budget.exact_frames},
                    {"exact", budget.holds}};
  json["turnover"] = {{"mean", number(counts.mean_turnover)},
                      {"highest", number(counts.highest_turnover)}};
  json["voxel_size_m"] = number(trace.voxel_size);
  json["extent_m"] = extent_json(trace);
  json["source"] = source_json(trace.source);
  json["frames"] = frames_json(trace);
  json["notes"] = trace.notes;
  json["wall"] = wall_json(trace);
  // File names need not be UTF-8; the summary must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_spatial_summary(const SpatialTrace& trace, const std::filesystem::path& path) {
  write_text(path, spatial_summary_json(trace));
}

}  // namespace sluice::report

#include "apps/report/memory_summary.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/report/html.h"
#include "apps/report/summary.h"

namespace sluice::report {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json counts_json(const MemoryTrace& trace) {
  const auto& totals = trace.totals;
  return {{"frames", totals.frames},
          {"seen", totals.seen},
          {"available", totals.available},
          {"unspent", totals.unspent},
          {"segments", trace.memory.segments},
          {"arrived", trace.arrived},
          {"kept", trace.held},
          {"chapters", trace.chapters.size()},
          {"compactions", trace.memory.compactions},
          {"oversized_segments", trace.memory.oversized},
          {"forced_cuts", totals.forced_cuts},
          {"non_finite", totals.non_finite},
          {"skipped_input", totals.skipped_input}};
}

Json source_json(const stream::Source& source) {
  return {{"id", source.id},
          {"grid", {source.grid_rows, source.grid_cols}},
          {"image", {source.image_width, source.image_height}},
          {"feature_width", source.feature_width}};
}

Json chapter_json(const temporal::MemoryChapter& chapter) {
  return {{"first_frame", chapter.first_frame},
          {"last_frame", chapter.last_frame},
          {"begin_s", number(chapter.first_pts)},
          {"last_s", number(chapter.last_pts)},
          {"segments", chapter.segments},
          {"arrived", chapter.arrived},
          {"tokens", chapter.tokens},
          {"recent", chapter.recent}};
}

Json moment_json(const MemoryMoment& moment) {
  return {{"frames", moment.frames},
          {"pts_s", number(moment.pts)},
          {"held", moment.held},
          {"arrived", moment.arrived},
          {"chapters", moment.chapters}};
}

template <typename Items, typename ToJson>
Json list(const Items& items, ToJson&& to_json) {
  Json json = Json::array();
  for (const auto& item : items) json.push_back(to_json(item));
  return json;
}

Json wall_json(const MemoryTrace& trace) {
  Json json = {{"stage_ms", Json::object()}, {"frames_per_s", Json::object()}};
  for (const auto& [stage, ms] : trace.stage_ms) {
    json["stage_ms"][stage] = number(ms);
    json["frames_per_s"][stage] = number(1000 * static_cast<double>(trace.totals.frames) / ms);
  }
  return json;
}

}  // namespace

std::string memory_summary_json(const MemoryTrace& trace) {
  require_consistent(trace);
  const MemoryCheck check = check_memory(trace);
  Json json;
  json["schema"] = "1.0";
  json["version"] = sluice_version();
  json["input"] = trace.input;
  json["mode"] = "memory";
  json["complete"] = trace.complete;
  json["settings"] = trace.settings;
  json["counts"] = counts_json(trace);
  json["budget"] = {{"tokens", trace.budget},
                    {"recent", number(trace.recent)},
                    {"kept", trace.held},
                    {"most_held", trace.most_held},
                    {"exceeded", !check.budget}};
  json["weight"] = {{"arrived", trace.arrived_weight}, {"kept", trace.held_weight}};
  json["checks"] = {{"budget", check.budget}, {"time", check.time}, {"weight", check.weight}};
  json["source"] = source_json(trace.source);
  json["chapters"] = list(trace.chapters, chapter_json);
  json["history"] = list(trace.history.moments(), moment_json);
  json["snapshots"] = trace.snapshots;
  json["notes"] = trace.notes;
  json["wall"] = wall_json(trace);
  // File names need not be UTF-8; the summary must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_memory_summary(const MemoryTrace& trace, const std::filesystem::path& path) {
  write_text(path, memory_summary_json(trace));
}

}  // namespace sluice::report

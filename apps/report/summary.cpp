#include "apps/report/summary.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/report/html.h"
#include "apps/report/time_axis.h"
#include "apps/report/trace_statistics.h"

namespace sluice::report {
namespace {

using Json = nlohmann::ordered_json;
using stream::SourceTrace;
using stream::Trace;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::int64_t static_rows(const Trace& trace) {
  std::int64_t rows = 0;
  for (const SourceTrace& source : trace.sources) {
    for (const std::uint8_t kind : source.row_kind) {
      rows += kind == static_cast<std::uint8_t>(stream::TokenKind::static_) ? 1 : 0;
    }
  }
  return rows;
}

Json counts_json(const Trace& trace, const FateCounts& fates) {
  const auto& totals = trace.totals;
  const std::int64_t merged_rows = static_rows(trace);
  return {{"frames", totals.frames},
          {"seen", totals.seen},
          {"available", totals.available},
          {"kept", totals.kept},
          {"kept_static", merged_rows},
          {"kept_dynamic", row_count(trace) - merged_rows},
          {"unspent", totals.unspent},
          {"input_kept", fates[Fate::kept]},
          {"input_merged", fates[Fate::merged]},
          {"input_dropped", fates.dropped()},
          {"packets", totals.packets},
          {"dropped_packets", totals.dropped_packets},
          {"dropped_packet_tokens", totals.dropped_tokens},
          {"forced_cuts", totals.forced_cuts},
          {"non_finite", totals.non_finite},
          {"skipped_input", totals.skipped_input}};
}

Json budget_json(const Trace& trace) {
  const BudgetCheck check = check_budget(trace);
  return {
      {"allowed", check.allowed}, {"kept", trace.totals.kept}, {"unspent", trace.totals.unspent},
      {"rows", check.counted},    {"exact", check.holds},      {"exempt", check.exempt}};
}

Json segment_json(const SourceTrace& source, const stream::TraceSegment& segment) {
  return {{"first", segment.first},
          {"last", segment.last},
          {"begin_s", number(source.pts[static_cast<std::size_t>(segment.first)])},
          {"static_positions", segment.static_positions},
          {"static_kept", segment.static_kept},
          {"dynamic_available", segment.dynamic_available},
          {"dynamic_kept", segment.dynamic_kept},
          {"forced_cut", segment.forced_cut}};
}

Json source_json(const SourceTrace& trace) {
  const stream::Source& source = trace.source;
  double redundant = 0;
  for (const std::uint8_t bit : trace.redundant) redundant += bit != 0 ? 1 : 0;
  Json json;
  json["id"] = source.id;
  json["grid"] = {source.grid_rows, source.grid_cols};
  json["image"] = {source.image_width, source.image_height};
  json["feature_width"] = source.feature_width;
  json["frames"] = trace.frames();
  json["begin_s"] = trace.pts.empty() ? Json(nullptr) : number(trace.pts.front());
  json["end_s"] =
      trace.pts.empty() ? Json(nullptr) : number(trace.pts.front() + duration_seconds(trace.pts));
  json["redundant_share"] = trace.redundant.empty()
                                ? Json(nullptr)
                                : number(redundant / static_cast<double>(trace.redundant.size()));
  json["segments"] = Json::array();
  for (const auto& segment : trace.segments) {
    json["segments"].push_back(segment_json(trace, segment));
  }
  return json;
}

Json wall_json(const Trace& trace) {
  Json json = {{"stage_ms", Json::object()}, {"frames_per_s", Json::object()}};
  for (const auto& [stage, ms] : trace.stage_ms) {
    json["stage_ms"][stage] = number(ms);
    json["frames_per_s"][stage] = number(1000 * static_cast<double>(trace.totals.frames) / ms);
  }
  return json;
}

}  // namespace

std::string summary_json(const Trace& trace) {
  require_consistent(trace);
  const FateCounts fates = count_fates(trace);
  Json json;
  json["schema"] = "1.0";
  json["version"] = sluice_version();
  json["input"] = trace.input;
  json["mode"] = trace.causal ? "causal" : "offline";
  json["retain"] = number(trace.retain);
  json["tau"] = number(trace.tau);
  json["settings"] = trace.settings;
  json["counts"] = counts_json(trace, fates);
  json["dropped"] = {{"not_selected", fates[Fate::not_selected]},
                     {"no_centre", fates[Fate::no_centre]},
                     {"non_finite", fates[Fate::non_finite]},
                     {"late", fates[Fate::late]}};
  json["budget"] = budget_json(trace);
  json["sources"] = Json::array();
  for (const SourceTrace& source : trace.sources) json["sources"].push_back(source_json(source));
  json["notes"] = trace.notes;
  json["wall"] = wall_json(trace);
  // File names need not be UTF-8; the summary must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_summary(const Trace& trace, const std::filesystem::path& path) {
  write_text(path, summary_json(trace));
}

std::string_view sluice_version() noexcept {
  return SLUICE_VERSION;
}

}  // namespace sluice::report

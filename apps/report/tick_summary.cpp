#include "apps/report/tick_summary.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/report/html.h"
#include "apps/report/summary.h"
#include "apps/report/tick_statistics.h"

namespace sluice::report {
namespace {

using Json = nlohmann::ordered_json;
using stream::TickTrace;
using stream::TickTraceSource;
using stream::TickTraceTick;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(number(value));
  return list;
}

Json counts_json(const TickTrace& trace, const TickCounts& counts) {
  return {{"ticks", counts.ticks},       {"ok", counts.ok},
          {"empty", counts.empty},       {"failed", counts.failed},
          {"episodes", counts.episodes}, {"packets", counts.ok + counts.empty},
          {"offered", counts.offered},   {"available", counts.available},
          {"kept", counts.kept},         {"non_finite", trace.non_finite}};
}

Json feedback_json(const TickTrace& trace, const TickCounts& counts) {
  Json json = {{"received", counts.feedback}};
  for (std::size_t i = 0; i < policy::feedback_fates; ++i)
    json[std::string(fate_key(static_cast<policy::FeedbackFate>(i)))] = counts.by_fate[i];
  json["unanswered"] = trace.unanswered;
  return json;
}

Json latency_json(const ModelLatency& latency) {
  if (latency.answers == 0) return nullptr;
  return {{"answers", latency.answers},
          {"median", number(latency.median_ms)},
          {"p95", number(latency.p95_ms)},
          {"highest", number(latency.highest_ms)},
          {"missed", latency.missed}};
}

Json reasons_json(const TickCounts& counts) {
  Json json = Json::object();
  for (const ReasonStyle& style : tick_reasons())
    json[std::string(reason_key(style))] = counts.kept_for[static_cast<std::size_t>(style.reason)];
  return json;
}

Json source_json(const TickTraceSource& source) {
  return {
      {"id", source.source.id},
      {"grid", {source.source.grid_rows, source.source.grid_cols}},
      {"offered", std::accumulate(source.offered.begin(), source.offered.end(), std::int64_t{0})},
      {"kept", source.key.size()}};
}

Json ticks_json(const TickTrace& trace) {
  Json json;
  const auto list = [&](const char* name, auto&& value_of) {
    Json values = Json::array();
    for (const TickTraceTick& tick : trace.ticks) values.push_back(value_of(tick));
    json[name] = std::move(values);
  };
  list("tick", [](const TickTraceTick& tick) { return Json(tick.tick); });
  list("episode", [](const TickTraceTick& tick) { return Json(tick.episode); });
  list("clock_s", [](const TickTraceTick& tick) { return number(tick.clock_s); });
  list("deadline_ms", [](const TickTraceTick& tick) { return number(tick.deadline_ms); });
  list("status", [](const TickTraceTick& tick) {
    return Json(status_key(static_cast<policy::TickStatus>(tick.status)));
  });
  list("budget", [](const TickTraceTick& tick) { return Json(tick.budget); });
  list("available", [](const TickTraceTick& tick) { return Json(tick.available); });
  list("kept", [](const TickTraceTick& tick) { return Json(tick.kept); });
  Json by_source = Json::array();
  for (const TickTraceSource& source : trace.sources) {
    Json kept = Json::array();
    for (std::size_t t = 0; t < trace.ticks.size(); ++t) kept.push_back(source.kept(t));
    by_source.push_back(std::move(kept));
  }
  json["kept_by_source"] = std::move(by_source);
  json["feedback_age_ticks"] = numbers(feedback_age(trace));
  json["model_latency_ms"] = numbers(latency_by_tick(trace));
  json["turnover"] = numbers(turnover(trace));
  return json;
}

}  // namespace

std::string tick_summary_json(const TickTrace& trace) {
  require_consistent(trace);
  const TickCounts counts = count(trace);
  Json json;
  json["schema"] = "1.0";
  json["version"] = sluice_version();
  json["input"] = trace.input;
  json["mode"] = "loop";
  json["from"] = trace.is_log ? "log" : "recording";
  json["settings"] = trace.settings;
  json["counts"] = counts_json(trace, counts);
  json["budget"] = {{"exact_ticks", counts.exact},
                    {"violations", counts.violations},
                    {"rows", counts.rows},
                    {"exact", counts.violations == 0}};
  json["as_logged"] =
      trace.is_log ? Json{{"compared", counts.compared}, {"different", counts.different}} : Json();
  json["feedback"] = feedback_json(trace, counts);
  json["model_latency_ms"] = latency_json(model_latency(trace));
  json["kept_for"] = reasons_json(counts);
  json["sources"] = Json::array();
  for (const TickTraceSource& source : trace.sources)
    json["sources"].push_back(source_json(source));
  json["ticks"] = ticks_json(trace);
  json["notes"] = trace.notes;
  json["wall"] = {{"stage_ms", Json::object()}};
  for (const auto& [stage, ms] : trace.stage_ms) json["wall"]["stage_ms"][stage] = number(ms);
  // File names need not be UTF-8; the summary must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_tick_summary(const TickTrace& trace, const std::filesystem::path& path) {
  write_text(path, tick_summary_json(trace));
}

}  // namespace sluice::report

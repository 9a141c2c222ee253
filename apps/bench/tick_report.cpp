#include "apps/bench/tick_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "stream/atomic_file.h"

namespace sluice::apps {
namespace {

using Json = nlohmann::ordered_json;

std::string setting(const TickBenchOptions& options) {
  const TickShape& shape = options.shape;
  return fmt::format("{}×{}×{} {}", shape.cameras, shape.tokens, shape.width, name(shape.dtype));
}

std::string pace(const TickBenchOptions& options) {
  std::string text = options.rate_hz > 0 ? fmt::format("{:g} Hz", options.rate_hz) : "back to back";
  if (options.selector != TickBenchOptions().selector) text += ", " + options.selector;
  if (options.link) text += ", link";
  if (options.load) text += ", load";
  return text;
}

void print_row(std::string_view what, std::string_view how, const Spread& spread,
               std::string misses, double floor_ms) {
  fmt::print("{:<16} {:<34} {:>7.3f} {:>7.3f} {:>7.3f} {:>7.3f} {:>11} {:>7.3f} {:>5.1f}×\n", what,
             how, spread.p50, spread.p99, spread.p999, spread.max, misses, floor_ms,
             spread.p50 / floor_ms);
}

Json spread_json(const Spread& spread) {
  return {{"p50", spread.p50}, {"p99", spread.p99}, {"p999", spread.p999}, {"max", spread.max}};
}

Json report_json(const TickReport& report) {
  const TickBenchOptions& options = report.options;
  const TickBenchFigures& figures = report.figures;
  Json json;
  json["cameras"] = options.shape.cameras;
  json["tokens"] = options.shape.tokens;
  json["width"] = options.shape.width;
  json["dtype"] = name(options.shape.dtype);
  json["selector"] = options.selector;
  json["semantic"] = options.shape.semantic;
  json["keep"] = options.keep;
  json["kept"] = figures.kept;
  json["threads"] = options.threads;
  json["rate_hz"] = options.rate_hz;
  json["link"] = options.link;
  json["load"] = options.load;
  json["ticks"] = figures.ticks;
  json["deadline_ms"] = figures.deadline_ms;
  json["misses"] = figures.misses;
  json["packet_bytes"] = figures.packet_bytes;
  json["feedback_applied"] = figures.feedback_applied;
  json["tick_ms"] = spread_json(figures.tick);
  json["late_ms"] = spread_json(figures.late);
  json["feedback_ms"] = spread_json(figures.feedback);
  json["step_ms"] = spread_json(figures.step);
  json["encode_ms"] = spread_json(figures.encode);
  if (options.link) {
    json["arrival_ms"] = spread_json(figures.arrival);
    json["arrival_misses"] = figures.arrival_misses;
    json["not_arrived"] = figures.not_arrived;
  }
  json["selection_ms"] = spread_json(report.selection);
  json["by_diversity"] = figures.by_diversity;
  json["candidates"] = report.candidates;
  json["floor_ms"] = report.floor.total_ms();
  json["pass_ms"] = report.floor.pass_ms;
  json["products_ms"] = report.floor.products_ms;
  json["peak_gflop_s"] = 2 * report.floor.peak;
  return json;
}

}  // namespace

void print_tick_header() {
  fmt::print("{:<16} {:<34} {:>7} {:>7} {:>7} {:>7} {:>11} {:>7} {:>6}\n", "milliseconds", "",
             "p50", "p99", "p99.9", "max", "misses", "floor", "ratio");
}

void print_tick_row(const TickReport& report) {
  const TickBenchFigures& figures = report.figures;
  const auto misses = [&](std::int64_t count) {
    return figures.deadline_ms > 0 ? fmt::format("{}/{}", count, figures.ticks) : "-";
  };
  print_row(setting(report.options), pace(report.options), figures.tick, misses(figures.misses),
            report.floor.total_ms());
  if (report.options.link)
    print_row("", fmt::format("… arrived, {} replaced", figures.not_arrived), figures.arrival,
              misses(figures.arrival_misses), report.floor.total_ms());
}

void write_tick_reports(const std::filesystem::path& path, const std::vector<TickReport>& reports) {
  Json runs = Json::array();
  for (const TickReport& report : reports) runs.push_back(report_json(report));
  const std::string text = Json{{"runs", runs}}.dump(1) + "\n";
  stream::AtomicFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

}  // namespace sluice::apps

// The text format 0.0.4 of Prometheus.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "apps/loop/metrics.h"
#include "apps/loop/names.h"

namespace sluice::apps {
namespace {

constexpr double never = std::numeric_limits<double>::quiet_NaN();

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  return fmt::format("{}", value);
}

std::string escaped(std::string_view label) {
  std::string text;
  for (const char c : label) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text;
}

/// Appends one metric after another.
class Page {
 public:
  void counter(std::string_view name, std::string_view help, std::int64_t value) {
    head(name, help, "counter");
    fmt::format_to(out(), "{} {}\n", name, value);
  }
  void gauge(std::string_view name, std::string_view help, double value) {
    head(name, help, "gauge");
    fmt::format_to(out(), "{} {}\n", name, number(value));
  }
  /// One sample per label's value.
  template <typename Names, typename Values>
  void by_label(std::string_view name, std::string_view help, std::string_view type,
                std::string_view label, const Names& names, const Values& values) {
    head(name, help, type);
    for (std::size_t i = 0; i < names.size(); ++i)
      fmt::format_to(out(), "{}{{{}=\"{}\"}} {}\n", name, label, escaped(names[i]),
                     number(sample(values[i])));
  }
  void histogram(std::string_view name, std::string_view help, const LatencyHistogram& times) {
    head(name, help, "histogram");
    const double sum = times.sum();
    // Read in ascending order, a bucket that grows meanwhile never counts more than a larger one.
    const auto& bounds = LatencyHistogram::bounds();
    for (std::size_t i = 0; i < bounds.size(); ++i)
      fmt::format_to(out(), "{}_bucket{{le=\"{}\"}} {}\n", name, bounds[i], times.at_most(i));
    const std::int64_t count = times.count();
    fmt::format_to(out(), "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name,
                   count, number(sum));
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  [[nodiscard]] std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  void head(std::string_view name, std::string_view help, std::string_view type) {
    fmt::format_to(out(), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  /// Ages below zero are those of what has never been.
  static double sample(const std::atomic<double>& age) noexcept {
    const double value = age.load(std::memory_order_relaxed);
    return value < 0 ? never : value;
  }
  static double sample(const std::atomic<std::int64_t>& count) noexcept {
    return static_cast<double>(count.load(std::memory_order_relaxed));
  }

  std::string text_;
};

void add_ticks(Page& page, const LoopMetrics& metrics) {
  page.by_label("sluice_ticks_total", "Ticks by how they ended; ok ones were sent.", "counter",
                "status", status_names, metrics.ticks);
  page.counter("sluice_ticks_missed_total", "Ticks whose time passed without them.",
               metrics.missed);
  page.counter("sluice_late_packets_total",
               "Packets that were ready only after the next tick was due.", metrics.late_packets);
  page.counter("sluice_deadline_misses_total",
               "Answers that took the model longer than deadline_ms.", metrics.deadline_misses);
  const auto tokens = [](const std::atomic<std::int64_t>& count) {
    return static_cast<double>(count.load(std::memory_order_relaxed));
  };
  page.gauge("sluice_tick_budget_tokens", "Tokens that the last tick was allowed.",
             tokens(metrics.budget));
  page.gauge("sluice_tick_available_tokens", "Tokens that the last tick could choose from.",
             tokens(metrics.available));
  page.gauge("sluice_tick_kept_tokens", "Tokens that the last tick sent.", tokens(metrics.kept));
  page.by_label("sluice_tick_source_kept_tokens", "Tokens of each source that the last tick sent.",
                "gauge", "source", metrics.source_ids, metrics.kept_by_source);
  page.by_label("sluice_kept_tokens_total", "Tokens of each source that were sent.", "counter",
                "source", metrics.source_ids, metrics.kept_total_by_source);
}

void add_inputs(Page& page, const LoopMetrics& metrics) {
  page.by_label("sluice_input_age_seconds",
                "Age of an input's newest frame at the last tick; NaN before the first.", "gauge",
                "input", metrics.input_ids, metrics.input_age_s);
  page.by_label("sluice_input_frames_total", "Frames that an input read.", "counter", "input",
                metrics.input_ids, metrics.input_frames);
  page.by_label("sluice_input_damaged_total",
                "Frames and messages of an input that were of no use: damaged, or of another size.",
                "counter", "input", metrics.input_ids, metrics.input_damaged);
  page.by_label("sluice_input_ended", "1 once an input is at its end, or has failed.", "gauge",
                "input", metrics.input_ids, metrics.input_ended);
  page.by_label("sluice_input_skipped_total",
                "Frames that were replaced by newer ones before a tick took them.", "counter",
                "input", metrics.input_ids, metrics.input_skipped);
}

void add_feedback(Page& page, const LoopMetrics& metrics) {
  page.by_label("sluice_feedback_total", "Feedback messages by what became of them.", "counter",
                "fate", fate_names, metrics.feedback);
  page.counter("sluice_unanswered_total", "Packets that were forgotten without an answer.",
               metrics.unanswered);
  const std::int64_t age = metrics.feedback_age_ticks;
  page.gauge("sluice_feedback_age_ticks",
             "Ticks since the newest one whose feedback was applied; NaN before the first.",
             age < 0 ? never : static_cast<double>(age));
}

void add_link(Page& page, const stream::LinkCounts& link) {
  page.gauge("sluice_link_connected", "1 while a model is connected.", link.connected() ? 1 : 0);
  page.counter("sluice_link_published_total", "Packets that ticks made.", link.published);
  page.counter("sluice_link_replaced_total", "Packets that a newer one replaced before they left.",
               link.replaced);
  page.counter("sluice_link_sent_total", "Packets that left while a model was connected.",
               link.sent);
  page.counter("sluice_link_feedback_total", "Messages that came.", link.feedback);
  page.counter("sluice_link_malformed_total", "Messages that were no feedback.", link.malformed);
  page.counter("sluice_link_feedback_lost_total", "Feedback that no tick took in time.",
               link.feedback_lost);
  page.counter("sluice_link_connections_total", "Models that came.", link.connections);
  page.counter("sluice_link_disconnections_total", "Models that went.", link.disconnections);
  page.counter("sluice_link_refused_total", "Connections without a right key.", link.refused);
}

void add_times(Page& page, const LoopMetrics& metrics) {
  page.histogram("sluice_step_seconds", "Deciding on a tick's tokens.", metrics.step);
  page.histogram("sluice_encode_seconds", "From the decision to a packet that can leave.",
                 metrics.encode);
  page.histogram("sluice_tick_lateness_seconds", "How long after its time a tick began.",
                 metrics.late);
  page.histogram("sluice_model_latency_seconds", "What the model says an answer took it.",
                 metrics.model);
  page.histogram("sluice_feedback_wait_seconds",
                 "From a message's arrival to the tick that took it.", metrics.feedback_wait);
}

}  // namespace

std::string prometheus_page(const LoopMetrics& metrics, const stream::LinkCounts& link) {
  Page page;
  add_ticks(page, metrics);
  add_inputs(page, metrics);
  add_feedback(page, metrics);
  add_link(page, link);
  add_times(page, metrics);
  return page.take();
}

}  // namespace sluice::apps

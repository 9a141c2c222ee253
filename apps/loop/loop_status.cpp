#include "apps/loop/loop_status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace sluice::apps {
namespace {

using std::chrono::steady_clock;

std::int64_t ticks_of(const LoopMetrics& metrics) {
  std::int64_t sum = 0;
  for (const auto& count : metrics.ticks) sum += count.load();
  return sum;
}

std::int64_t ticks_of(const LoopMetrics& metrics, policy::TickStatus status) {
  return metrics.ticks[static_cast<std::size_t>(status)].load();
}

std::int64_t feedback_of(const LoopMetrics& metrics, policy::FeedbackFate fate) {
  return metrics.feedback[static_cast<std::size_t>(fate)].load();
}

double mean_ms(const LatencyHistogram& histogram) {
  const std::int64_t count = histogram.count();
  return count > 0 ? 1e3 * histogram.sum() / static_cast<double>(count) : 0;
}

std::string by_source(const LoopMetrics& metrics, const auto& counts) {
  std::string text;
  for (std::size_t i = 0; i < metrics.source_ids.size(); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", metrics.source_ids[i], counts[i].load());
  return text;
}

}  // namespace

LoopStatusLine::LoopStatusLine(const LoopRun& run)
    : run_(run), visible_(::isatty(STDERR_FILENO) != 0), last_(steady_clock::now()) {}

LoopStatusLine::~LoopStatusLine() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void LoopStatusLine::update() {
  const auto now = steady_clock::now();
  if (!visible_ || (drawn_ && now - last_ < std::chrono::milliseconds(200))) return;
  last_ = now;
  drawn_ = true;
  // Not fmt::print, which throws once the terminal is gone.
  std::fputs(("\r\033[K" + loop_status_text(run_)).c_str(), stderr);
  std::fflush(stderr);
}

void LoopStatusLine::tell(const std::string& message) {
  std::fputs(((drawn_ ? "\r\033[K" : "") + ("sluice: " + message + "\n")).c_str(), stderr);
}

std::string loop_status_text(const LoopRun& run) {
  const LoopMetrics& metrics = run.metrics();
  std::string text = fmt::format("tick {}: kept {} of {} ({}), budget {}; {:.2f} ms a tick",
                                 run.current_tick(), metrics.kept.load(), metrics.available.load(),
                                 by_source(metrics, metrics.kept_by_source), metrics.budget.load(),
                                 mean_ms(metrics.step) + mean_ms(metrics.encode));
  if (metrics.missed > 0) text += fmt::format(", {} missed", metrics.missed.load());
  const stream::LinkCounts link = run.link_counts();
  if (run.link() == nullptr) return text;
  if (!link.connected()) return text + "; no model";
  const std::int64_t age = metrics.feedback_age_ticks;
  if (age < 0) return text + "; model connected, no feedback yet";
  return text +
         fmt::format("; model {:.1f} ms, feedback {} ticks old", mean_ms(metrics.model), age);
}

std::string loop_summary_text(const LoopRun& run, double seconds) {
  using policy::FeedbackFate;
  using policy::TickStatus;
  const LoopMetrics& metrics = run.metrics();
  const std::int64_t ticks = ticks_of(metrics);
  std::string text = fmt::format(
      "{} ticks in {:.1f} s: {} sent, {} without tokens, {} failed; {} missed, {} late\n", ticks,
      seconds, ticks_of(metrics, TickStatus::ok), ticks_of(metrics, TickStatus::no_tokens),
      ticks - ticks_of(metrics, TickStatus::ok) - ticks_of(metrics, TickStatus::no_tokens),
      metrics.missed.load(), metrics.late_packets.load());
  text += fmt::format("Tokens kept: {}\n", by_source(metrics, metrics.kept_total_by_source));
  text += fmt::format("A tick took {:.2f} ms to decide and {:.2f} ms to encode, on average\n",
                      mean_ms(metrics.step), mean_ms(metrics.encode));
  if (run.link() == nullptr) return text;
  const stream::LinkCounts link = run.link_counts();
  const std::int64_t applied = feedback_of(metrics, FeedbackFate::applied);
  text += fmt::format(
      "Link: {} packets published, {} replaced by newer ones; {} models came, {} went, {} refused\n"
      "Feedback: {} messages, {} applied, {} stale, {} other\n",
      link.published, link.replaced, link.connections, link.disconnections, link.refused,
      link.feedback, applied, feedback_of(metrics, FeedbackFate::stale),
      link.feedback - applied - feedback_of(metrics, FeedbackFate::stale));
  return text;
}

}  // namespace sluice::apps

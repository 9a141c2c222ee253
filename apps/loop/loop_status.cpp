#include "apps/loop/loop_status.h"

#include <fmt/format.h>

#include <cstdint>

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

/// Feedback that could never have been applied; late and double feedback is usual.
std::int64_t refused_feedback(const LoopMetrics& metrics) {
  using policy::FeedbackFate;
  std::int64_t refused = 0;
  for (const auto fate : {FeedbackFate::malformed, FeedbackFate::other_stream, FeedbackFate::future,
                          FeedbackFate::unknown_tick})
    refused += feedback_of(metrics, fate);
  return refused;
}

/// "12 applied, 3 stale": those there are.
std::string by_fate(const LoopMetrics& metrics) {
  std::string text;
  for (std::size_t fate = 0; fate < policy::feedback_fates; ++fate) {
    const std::int64_t count = metrics.feedback[fate].load();
    if (count == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count,
                        name_of(static_cast<policy::FeedbackFate>(fate)));
  }
  return text.empty() ? "none" : text;
}

std::string by_source(const LoopMetrics& metrics, const auto& counts) {
  std::string text;
  for (std::size_t i = 0; i < metrics.source_ids.size(); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", metrics.source_ids[i], counts[i].load());
  return text;
}

}  // namespace

LoopStatusLine::LoopStatusLine(LoopRun& run) : run_(run), last_(steady_clock::now()) {}

void LoopStatusLine::update() {
  tell_of_failures();
  tell_of_refusals();
  const auto now = steady_clock::now();
  if (!line_.is_visible() || now - last_ < std::chrono::milliseconds(200)) return;
  last_ = now;
  line_.draw(loop_status_text(run_));
}

void LoopStatusLine::tell_of_failures() {
  for (const std::string& failure : run_.new_failures()) line_.tell("sluice: " + failure);
}

/// The likeliest mistakes of whoever connects a model.
void LoopStatusLine::tell_of_refusals() {
  const LoopMetrics& metrics = run_.metrics();
  if (!told_of_feedback_ && refused_feedback(metrics) > 0) {
    told_of_feedback_ = true;
    line_.tell(fmt::format(
        "sluice: feedback is refused ({}): attention needs a value for each row of the source in "
        "the packet, finite and not negative, and stream, episode and tick must be the packet's",
        by_fate(metrics)));
  }
  if (!told_of_keys_ && run_.link_counts().refused > 0) {
    told_of_keys_ = true;
    line_.tell("sluice: a model was refused: its key is missing, wrong, or not among the clients'");
  }
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
  if (const std::int64_t refused = refused_feedback(metrics); refused > 0)
    text += fmt::format("; {} answers refused", refused);
  if (age < 0) return text + "; model connected, no feedback applied yet";
  return text +
         fmt::format("; model {:.1f} ms, feedback {} ticks old", mean_ms(metrics.model), age);
}

std::string loop_summary_text(const LoopRun& run, double seconds) {
  using policy::FeedbackFate;
  using policy::TickStatus;
  const LoopMetrics& metrics = run.metrics();
  const std::int64_t ticks = ticks_of(metrics);
  std::string text = fmt::format(
      "{} ticks in {:.1f} s: {} with tokens, {} without tokens, {} failed; {} missed, {} late\n",
      ticks, seconds, ticks_of(metrics, TickStatus::ok), ticks_of(metrics, TickStatus::no_tokens),
      ticks - ticks_of(metrics, TickStatus::ok) - ticks_of(metrics, TickStatus::no_tokens),
      metrics.missed.load(), metrics.late_packets.load());
  text += fmt::format("Tokens kept: {}\n", by_source(metrics, metrics.kept_total_by_source));
  text += fmt::format("A tick took {:.2f} ms to decide and {:.2f} ms to encode, on average\n",
                      mean_ms(metrics.step), mean_ms(metrics.encode));
  if (run.link() == nullptr) return text;
  const stream::LinkCounts link = run.link_counts();
  std::int64_t taken = 0;
  for (const auto& count : metrics.feedback) taken += count.load();
  text += fmt::format(
      "Link: {} packets (the last one is the end mark), {} of them sent to a model, {} replaced by "
      "newer ones; models: {} came, {} went, {} refused\n"
      "Feedback: {} messages: {}",
      link.published, link.sent, link.replaced, link.connections, link.disconnections, link.refused,
      link.feedback, by_fate(metrics));
  if (link.malformed > 0) text += fmt::format(", {} no feedback at all", link.malformed);
  const std::int64_t after = link.feedback - link.malformed - link.feedback_lost - taken;
  if (after > 0) text += fmt::format(", {} after the last tick", after);
  return text + "\n";
}

}  // namespace sluice::apps

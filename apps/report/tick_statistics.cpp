#include "apps/report/tick_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/report/palette.h"
#include "kernels/error.h"

namespace sluice::report {
namespace {

using policy::FeedbackFate;
using policy::TickStatus;
using stream::KeepReason;
using stream::TickTrace;
using stream::TickTraceFeedback;
using stream::TickTraceSource;

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

constexpr std::array reasons{
    ReasonStyle{KeepReason::attention, "Attention", "the model looked there lately", "by-attention",
                palette::by_attention},
    ReasonStyle{KeepReason::saliency, "Saliency", "it stands out, and no attention is known",
                "by-saliency", palette::by_saliency},
    ReasonStyle{KeepReason::novelty, "Novelty", "it has changed lately, or just come into view",
                "by-novelty", palette::by_novelty},
    ReasonStyle{KeepReason::diversity, "Diversity",
                "both instruction and actions count; unlike the others that do", "by-diversity",
                palette::by_diversity},
    ReasonStyle{KeepReason::refresh, "Refresh", "not sent lately", "by-refresh",
                palette::by_refresh},
    ReasonStyle{KeepReason::pinned, "Pinned", "asked for by the caller", "by-pinned",
                palette::by_pinned},
    ReasonStyle{KeepReason::coverage, "Coverage", "evenly spread, whatever it shows", "by-coverage",
                palette::by_coverage},
    ReasonStyle{KeepReason::sampled, "Sampled", "drawn from a seed", "by-visibility",
                palette::by_visibility},
    ReasonStyle{KeepReason::everything, "No choice", "nothing had to be dropped", "by-everything",
                palette::kept},
};

[[noreturn]] void fail(std::string_view what, std::string_view expected) {
  throw input_error("trace of ticks", what, expected);
}

void require_size(std::string_view name, std::size_t actual, std::size_t expected) {
  if (actual != expected) fail(concat(name, " has ", actual, " entries"), concat(expected));
}

bool is_ascending(const std::vector<std::int64_t>& values) {
  return std::is_sorted(values.begin(), values.end());
}

/// The value below which a share of `sorted` lies.
double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(std::lround(share * last))];
}

void count_tick(const stream::TickTraceTick& tick, std::int64_t rows, TickCounts& counts) {
  const auto status = static_cast<TickStatus>(tick.status);
  const bool is_sent = status == TickStatus::ok || status == TickStatus::no_tokens;
  counts.ok += status == TickStatus::ok ? 1 : 0;
  counts.empty += status == TickStatus::no_tokens ? 1 : 0;
  counts.failed += is_sent ? 0 : 1;
  counts.available += tick.available;
  counts.kept += tick.kept;
  counts.rows += rows;
  if (tick.as_logged) {
    ++counts.compared;
    counts.different += *tick.as_logged ? 0 : 1;
  }
  if (!is_sent) return;
  const bool exact = tick.kept == std::min(tick.budget, tick.available) && rows == tick.kept;
  counts.exact += exact ? 1 : 0;
  counts.violations += exact ? 0 : 1;
}

}  // namespace

std::span<const ReasonStyle> tick_reasons() noexcept {
  return reasons;
}

const ReasonStyle& tick_style_of(std::uint8_t reason) noexcept {
  const auto found = std::find_if(reasons.begin(), reasons.end(), [reason](const auto& style) {
    return style.reason == static_cast<KeepReason>(reason);
  });
  return found == reasons.end() ? reasons.back() : *found;
}

std::string_view reason_key(const ReasonStyle& style) noexcept {
  if (style.reason == KeepReason::sampled) return "sampled";
  return style.css_class.substr(3);  // "by-diversity" → "diversity"
}

std::string_view status_key(TickStatus status) noexcept {
  constexpr std::array<std::string_view, 6> keys{"ok",          "no_tokens", "bad_input",
                                                 "over_budget", "old_tick",  "failed"};
  return keys[static_cast<std::size_t>(status)];
}

std::string_view fate_key(FeedbackFate fate) noexcept {
  constexpr std::array<std::string_view, policy::feedback_fates> keys{
      "applied",      "stale",  "duplicate", "other_episode",
      "unknown_tick", "future", "malformed", "other_stream"};
  return keys[static_cast<std::size_t>(fate)];
}

std::string_view fate_meaning(FeedbackFate fate) noexcept {
  constexpr std::array<std::string_view, policy::feedback_fates> meanings{
      "learned from",
      "too late: its tick is older than the limit",
      "its tick was answered before",
      "of an episode that had ended",
      "of a tick that was never sent",
      "of a tick that was still to come",
      "does not fit its packet",
      "of another stream"};
  return meanings[static_cast<std::size_t>(fate)];
}

void require_consistent(const TickTrace& trace) {
  const std::size_t ticks = trace.ticks.size();
  for (const auto& tick : trace.ticks)
    if (tick.status > static_cast<std::uint8_t>(TickStatus::failed))
      fail(concat("status ", int{tick.status}), "one of policy::TickStatus");
  for (const TickTraceFeedback& feedback : trace.feedback)
    if (feedback.fate >= policy::feedback_fates || feedback.before < 0 ||
        feedback.before > static_cast<std::int64_t>(ticks))
      fail("feedback of no known fate, or beyond the last tick", "what a replay recorded");
  for (const TickTraceSource& source : trace.sources) {
    const std::size_t kept = source.key.size();
    require_size("offered", source.offered.size(), ticks);
    require_size("first_kept", source.first_kept.size(), ticks + 1);
    require_size("position", source.position.size(), kept);
    require_size("reason", source.reason.size(), kept);
    require_size("score", source.score.size(), kept);
    if (!source.action.empty())
      require_size("action", source.action.size(),
                   ticks * static_cast<std::size_t>(source.source.positions()));
    if (!is_ascending(source.first_kept) || source.first_kept.front() != 0 ||
        source.first_kept.back() != static_cast<std::int64_t>(kept))
      fail("ticks don't cover the kept tokens", concat("tokens 0 to ", kept));
  }
}

TickCounts count(const TickTrace& trace) {
  TickCounts counts;
  counts.ticks = std::ssize(trace.ticks);
  counts.episodes = counts.ticks > 0 ? 1 + std::ssize(episode_starts(trace)) : 0;
  for (std::size_t t = 0; t < trace.ticks.size(); ++t) {
    std::int64_t rows = 0;
    for (const TickTraceSource& source : trace.sources) {
      rows += source.kept(t);
      counts.offered += source.offered[t];
    }
    count_tick(trace.ticks[t], rows, counts);
  }
  for (const TickTraceSource& source : trace.sources)
    for (const std::uint8_t reason : source.reason)
      ++counts.kept_for[static_cast<std::size_t>(tick_style_of(reason).reason)];
  counts.feedback = std::ssize(trace.feedback);
  for (const TickTraceFeedback& feedback : trace.feedback) ++counts.by_fate[feedback.fate];
  return counts;
}

ModelLatency model_latency(const TickTrace& trace) {
  ModelLatency latency;
  std::vector<double> times;
  for (const TickTraceFeedback& feedback : trace.feedback) {
    if (static_cast<FeedbackFate>(feedback.fate) != FeedbackFate::applied) continue;
    if (!feedback.model_latency_ms) continue;
    times.push_back(*feedback.model_latency_ms);
    const auto before = static_cast<std::size_t>(feedback.before);
    const double deadline = before < trace.ticks.size() ? trace.ticks[before].deadline_ms : 0;
    latency.missed += deadline > 0 && times.back() > deadline ? 1 : 0;
  }
  std::sort(times.begin(), times.end());
  latency.answers = std::ssize(times);
  latency.median_ms = quantile(times, 0.5);
  latency.p95_ms = quantile(times, 0.95);
  latency.highest_ms = quantile(times, 1);
  return latency;
}

std::vector<double> times_of(const TickTrace& trace) {
  std::vector<double> times;
  for (const auto& tick : trace.ticks) times.push_back(tick.clock_s);
  return times;
}

std::vector<double> feedback_age(const TickTrace& trace) {
  std::vector<double> ages;
  std::size_t next = 0;
  std::int64_t newest = -1, episode = 0;
  for (std::size_t t = 0; t < trace.ticks.size(); ++t) {
    // An answer that came before the first tick of an episode belongs to the one before.
    for (; next < trace.feedback.size() && trace.feedback[next].before <= std::ssize(ages); ++next)
      if (static_cast<FeedbackFate>(trace.feedback[next].fate) == FeedbackFate::applied)
        newest = std::max(newest, trace.feedback[next].tick);
    if (trace.ticks[t].episode != episode) newest = -1;
    episode = trace.ticks[t].episode;
    ages.push_back(newest < 0 ? nothing : static_cast<double>(trace.ticks[t].tick - newest));
  }
  return ages;
}

std::vector<double> latency_by_tick(const TickTrace& trace) {
  std::vector<double> sums(trace.ticks.size(), 0.0), answers(trace.ticks.size(), 0.0);
  for (const TickTraceFeedback& feedback : trace.feedback) {
    const auto before = static_cast<std::size_t>(feedback.before);
    if (static_cast<FeedbackFate>(feedback.fate) != FeedbackFate::applied ||
        !feedback.model_latency_ms || before >= sums.size())
      continue;
    sums[before] += *feedback.model_latency_ms;
    ++answers[before];
  }
  for (std::size_t t = 0; t < sums.size(); ++t)
    sums[t] = answers[t] > 0 ? sums[t] / answers[t] : nothing;
  return sums;
}

std::vector<double> turnover(const TickTrace& trace) {
  std::vector<double> entered(trace.ticks.size(), 0.0), kept(trace.ticks.size(), 0.0);
  for (const TickTraceSource& source : trace.sources) {
    std::vector<std::int64_t> before, now;
    for (std::size_t t = 0; t < trace.ticks.size(); ++t) {
      now.assign(source.key.begin() + source.first_kept[t],
                 source.key.begin() + source.first_kept[t + 1]);
      std::sort(now.begin(), now.end());
      for (const std::int64_t key : now)
        entered[t] += std::binary_search(before.begin(), before.end(), key) ? 0 : 1;
      kept[t] += static_cast<double>(now.size());
      std::swap(before, now);
    }
  }
  for (std::size_t t = 0; t < entered.size(); ++t)
    entered[t] = t > 0 && kept[t] > 0 && kept[t - 1] > 0 ? entered[t] / kept[t] : nothing;
  return entered;
}

std::vector<std::int64_t> episode_starts(const TickTrace& trace) {
  std::vector<std::int64_t> starts;
  for (std::size_t t = 1; t < trace.ticks.size(); ++t)
    if (trace.ticks[t].episode != trace.ticks[t - 1].episode)
      starts.push_back(static_cast<std::int64_t>(t));
  return starts;
}

}  // namespace sluice::report

#include "policy/budget_controllers/motion_budget.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::policy {
namespace {

/// Requires equal lengths.
double distance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace

MotionBudget::MotionBudget(const BudgetOptions& options)
    : range_(token_range(options)), fast_(options.fast), smoothing_(options.smoothing) {
  if (!(fast_ > 0 && std::isfinite(fast_)))
    throw input_error("fast motion", concat(fast_, " per second"), "above 0");
  if (!(smoothing_ > 0 && smoothing_ <= 1))
    throw input_error("smoothing", concat(smoothing_), "0 < smoothing ≤ 1");
}

std::int64_t MotionBudget::budget(const BudgetContext& context) noexcept {
  const double share = std::min(speed_.value_or(0) / fast_, 1.0);
  const auto fewer = static_cast<double>(range_.most - range_.least) * share;
  const auto tokens = range_.most - kernels::round_half_even(fewer);
  return std::clamp<std::int64_t>(context.available, 0, tokens);
}

void MotionBudget::observe_action(std::span<const float> action, double clock_s) {
  const bool finite =
      std::all_of(action.begin(), action.end(), [](float value) { return std::isfinite(value); });
  if (action.empty() || !finite || !std::isfinite(clock_s)) return;
  const double seconds = clock_s - last_clock_s_;
  if (action.size() == last_action_.size()) {
    if (seconds == 0) return;
    if (seconds > 0) {
      const double newest = std::min(distance(action, last_action_) / seconds, fast_);
      speed_ = speed_ ? (1 - smoothing_) * *speed_ + smoothing_ * newest : newest;
    }
  }
  last_action_.assign(action.begin(), action.end());
  last_clock_s_ = clock_s;
}

void MotionBudget::reset() noexcept {
  speed_.reset();
  last_action_.clear();
}

}  // namespace sluice::policy

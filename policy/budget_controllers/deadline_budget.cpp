#include "policy/budget_controllers/deadline_budget.h"

#include <algorithm>

#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::policy {

DeadlineBudget::DeadlineBudget(const BudgetOptions& options)
    : range_(token_range(options)),
      first_(options.first.value_or(options.least)),
      explore_every_(options.explore_every),
      explore_share_(options.explore_share),
      model_(options.latency) {
  if (first_ < range_.least || first_ > range_.most)
    throw input_error("first budget", concat(first_), concat(range_.least, " to ", range_.most));
  if (explore_every_ < 0)
    throw input_error("exploring ticks", concat("every ", explore_every_), "0 or more");
  if (!(explore_share_ >= 0 && explore_share_ < 1))
    throw input_error("exploring share", concat(explore_share_), "0 ≤ share < 1");
}

std::int64_t DeadlineBudget::budget(const BudgetContext& context) noexcept {
  const auto [least, most] = range_.within(context.available);
  if (!(context.deadline_ms > 0)) return most;
  const auto learned = model_.tokens_within(context.deadline_ms, least, most);
  if (!learned) return std::min(first_, most);
  if (!explores()) return *learned;
  const double fewer = static_cast<double>(*learned) * (1 - explore_share_);
  return std::max(kernels::round_half_even(fewer), least);
}

bool DeadlineBudget::explores() noexcept {
  if (explore_every_ == 0 || ++decisions_ < explore_every_) return false;
  decisions_ = 0;
  return true;
}

void DeadlineBudget::observe_latency(std::int64_t tokens, double latency_ms) noexcept {
  model_.observe(tokens, latency_ms);
}

}  // namespace sluice::policy

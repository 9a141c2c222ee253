#include "policy/budget_controllers/fixed_budget.h"

#include <algorithm>

#include "kernels/error.h"

namespace sluice::policy {

FixedBudget::FixedBudget(const BudgetOptions& options) : tokens_(options.tokens) {
  if (tokens_ < 1) throw input_error("budget tokens", concat(tokens_), "at least 1");
}

std::int64_t FixedBudget::budget(const BudgetContext& context) noexcept {
  return std::clamp<std::int64_t>(context.available, 0, tokens_);
}

}  // namespace sluice::policy

// The same budget at every tick.
#pragma once

#include "policy/budget_controller.h"

namespace sluice::policy {

class FixedBudget final : public BudgetController {
 public:
  explicit FixedBudget(const BudgetOptions& options);
  [[nodiscard]] std::int64_t budget(const BudgetContext& context) noexcept override;
  [[nodiscard]] std::string_view name() const noexcept override { return "fixed"; }

 private:
  std::int64_t tokens_;
};

}  // namespace sluice::policy

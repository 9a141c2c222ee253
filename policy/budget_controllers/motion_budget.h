// Fewer tokens for coarse fast motion, more for fine manipulation.
#pragma once

#include <optional>
#include <vector>

#include "policy/budget_controller.h"
#include "policy/budget_controllers/token_range.h"

namespace sluice::policy {

/// Speed is a running mean over the actions, each counted as `fast` at most, so that one wild jump
/// is soon forgotten. Before there are two actions to compare, it is 0.
class MotionBudget final : public BudgetController {
 public:
  explicit MotionBudget(const BudgetOptions& options);
  [[nodiscard]] std::int64_t budget(const BudgetContext& context) noexcept override;
  /// Actions that are empty or not finite, or at the same time as the last, are ignored; after a
  /// change of length, or a clock set back, motion is measured from the new action on.
  void observe_action(std::span<const float> action, double clock_s) override;
  void reset() noexcept override;
  [[nodiscard]] std::string_view name() const noexcept override { return "motion"; }

 private:
  TokenRange range_;
  double fast_;
  double smoothing_;
  std::optional<double> speed_;
  std::vector<float> last_action_;  ///< empty: none
  double last_clock_s_ = 0;
};

}  // namespace sluice::policy

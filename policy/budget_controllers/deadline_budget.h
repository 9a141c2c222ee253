// As many tokens as the model can take within its deadline, by what its latency was so far.
#pragma once

#include "policy/budget_controller.h"
#include "policy/budget_controllers/token_range.h"

namespace sluice::policy {

/// Without a deadline it sends the most.
class DeadlineBudget final : public BudgetController {
 public:
  explicit DeadlineBudget(const BudgetOptions& options);
  [[nodiscard]] std::int64_t budget(const BudgetContext& context) noexcept override;
  void observe_latency(std::int64_t tokens, double latency_ms) noexcept override;
  [[nodiscard]] std::string_view name() const noexcept override { return "deadline"; }

 private:
  /// Whether this tick is one that sends fewer.
  [[nodiscard]] bool explores() noexcept;

  TokenRange range_;
  std::int64_t first_;
  std::int64_t explore_every_;
  double explore_share_;
  std::int64_t decisions_ = 0;  ///< since the last exploring one
  LatencyModel model_;
};

}  // namespace sluice::policy

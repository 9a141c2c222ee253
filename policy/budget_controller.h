// How many tokens a tick may send: fixed, so that the model meets its deadline, or by motion.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/latency_model.h"

namespace sluice::policy {

struct BudgetOptions {
  std::string controller = "fixed";  ///< one of budget_controller_names()
  std::int64_t tokens = 256;         ///< fixed: the budget; others: the most
  std::int64_t least = 16;           ///< others: the least
  LatencyModelOptions latency = {};  ///< deadline
  /// deadline: while nothing has been learned yet. Default: `least`, so that no tick is late.
  std::optional<std::int64_t> first = {};
  /// deadline: every so many ticks it sends fewer tokens than it could, for the slope can't be
  /// learned from ticks that are all alike; 0: never. Fewer never makes a tick late.
  std::int64_t explore_every = 8;
  /// deadline: how many fewer, as a share; should be above latency.least_spread.
  double explore_share = 0.2;
  /// motion: speed (norm of the action's change per second, in the action's own unit) at or above
  /// which `least` is enough; at standstill it is `tokens`; between, in proportion.
  double fast = 1.0;
  /// motion: weight of the newest speed in its running mean, above 0, at most 1.
  double smoothing = 0.3;
};

/// What a controller knows when it decides.
struct BudgetContext {
  double deadline_ms = 0;      ///< for the model; ≤ 0: none
  std::int64_t available = 0;  ///< tokens there are to choose from
};

/// What a controller doesn't need to learn from, it leaves alone.
class BudgetController {
 public:
  virtual ~BudgetController() = default;
  /// In [0, available]. No allocation.
  [[nodiscard]] virtual std::int64_t budget(const BudgetContext& context) noexcept = 0;
  /// Feedback of a tick that was sent with so many tokens. No allocation.
  virtual void observe_latency(std::int64_t /*tokens*/, double /*latency_ms*/) noexcept {}
  /// The action that the model chose, [H,A] flattened, and the tick clock. Allocates only when an
  /// action is longer than any before.
  virtual void observe_action(std::span<const float> /*action*/, double /*clock_s*/) {}
  /// A new episode: what was learned about the motion is forgotten, about the model it stays.
  virtual void reset() noexcept {}
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

/// Throws sluice::Error for an unknown controller, naming those there are, and for options out of
/// range.
[[nodiscard]] std::unique_ptr<BudgetController> make_budget_controller(
    const BudgetOptions& options);
[[nodiscard]] std::vector<std::string_view> budget_controller_names();

}  // namespace sluice::policy

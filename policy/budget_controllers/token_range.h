// The fewest and the most tokens that a controller may choose.
#pragma once

#include <cstdint>

#include "policy/budget_controller.h"

namespace sluice::policy {

struct TokenRange {
  std::int64_t least = 0, most = 0;

  /// Of a tick that has no more than so many.
  [[nodiscard]] TokenRange within(std::int64_t available) const noexcept;
};

/// Throws sluice::Error unless 1 ≤ tokens and 0 ≤ least ≤ tokens.
[[nodiscard]] TokenRange token_range(const BudgetOptions& options);

}  // namespace sluice::policy

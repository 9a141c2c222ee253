#include "policy/budget_controllers/token_range.h"

#include <algorithm>

#include "kernels/error.h"

namespace sluice::policy {

TokenRange TokenRange::within(std::int64_t available) const noexcept {
  available = std::max<std::int64_t>(available, 0);
  return {std::min(least, available), std::min(most, available)};
}

TokenRange token_range(const BudgetOptions& options) {
  if (options.tokens < 1) throw input_error("budget tokens", concat(options.tokens), "at least 1");
  if (options.least < 0 || options.least > options.tokens)
    throw input_error("budget least", concat(options.least), concat("0 to ", options.tokens));
  return {options.least, options.tokens};
}

}  // namespace sluice::policy

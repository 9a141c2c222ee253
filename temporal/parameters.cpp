#include "temporal/parameters.h"

#include "kernels/error.h"

namespace sluice::temporal {

void validate(const HolitomParameters& p) {
  const auto require = [](bool fine, const char* parameter, auto value, const char* expected) {
    if (!fine) throw input_error(parameter, concat(value), expected);
  };
  require(p.retain > 0 && p.retain <= 1, "retain", p.retain, "a share in (0, 1]");
  if (p.budget) require(*p.budget >= 0, "budget", *p.budget, "0 or more tokens");
  require(p.tau >= -1 && p.tau <= 1, "tau", p.tau, "a cosine in [-1, 1]");
  require(p.beta >= 0 && p.beta <= 1, "beta", p.beta, "a weight in [0, 1]");
  require(p.neighbours >= 1, "knn", p.neighbours, "at least 1");
  require(p.contextual >= 0 && p.contextual <= 1, "contextual", p.contextual, "a share in [0, 1]");
  require(p.max_window >= 1, "max-window", p.max_window, "at least 1 frame");
}

}  // namespace sluice::temporal

#include "policy/decay.h"

#include <cmath>

#include "kernels/error.h"

namespace sluice::policy {

std::vector<double> decay_weights(std::int64_t window, double decay) {
  if (window < 1) throw input_error("window", concat(window), "at least 1");
  if (!(decay > 0 && decay <= 1)) throw input_error("decay", concat(decay), "0 < decay ≤ 1");
  std::vector<double> weights;
  double power = 1;
  double sum = 0;
  for (std::int64_t i = 0; i < window; ++i) {
    power *= decay;
    weights.push_back(power);
    sum += power;
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

}  // namespace sluice::policy

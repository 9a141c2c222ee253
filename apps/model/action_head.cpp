#include "apps/model/action_head.h"

#include <cmath>

#include "apps/model/seeded_weights.h"

namespace sluice::model {

ActionHead::ActionHead(std::int64_t width, std::int64_t numbers, std::uint64_t seed)
    : weights_(random_matrix(width, numbers, seed_of(seed, "action head"))) {}

void ActionHead::apply(std::span<const float> rows, kernels::Tensor& action) const {
  const std::int64_t width = weights_.rows();
  const std::int64_t steps = static_cast<std::int64_t>(rows.size()) / width;
  action.reshape(kernels::DType::f32, {steps, weights_.columns()});
  const std::span<float> numbers = action.as<float>();
  multiply({rows.data(), steps, width}, weights_, width, weights_.columns(), numbers.data(),
           weights_.columns());
  for (float& number : numbers) number = std::tanh(number);
}

}  // namespace sluice::model

// From the last hidden state of the action queries to numbers for a robot.
#pragma once

#include <cstdint>
#include <span>

#include "apps/model/matrix_product.h"
#include "kernels/tensor.h"

namespace sluice::model {

class ActionHead {
 public:
  /// `numbers`: per step (A). The weights are random, decided by the seed.
  ActionHead(std::int64_t width, std::int64_t numbers, std::uint64_t seed);

  /// action [H,A] f32 = tanh(rows · weights), within [-1, 1]. rows [H,width], normalised.
  void apply(std::span<const float> rows, kernels::Tensor& action) const;
  [[nodiscard]] const PackedMatrix& weights() const noexcept { return weights_; }

 private:
  PackedMatrix weights_;  ///< [width,A]
};

}  // namespace sluice::model

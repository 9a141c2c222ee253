// Weights of a model that was never trained: random numbers that a seed and a name decide.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "apps/model/matrix_product.h"

namespace sluice::model {

/// The seed of the weights called `name`: independent of which others there are, and in what order
/// they are made.
[[nodiscard]] std::uint64_t seed_of(std::uint64_t seed, std::string_view name) noexcept;

/// Fills in uniform numbers of mean 0 and variance 1 / `inputs`, so that a sum over so many inputs
/// of unit variance has unit variance, too. The same on every platform.
void fill_random(std::span<float> weights, double inputs, std::uint64_t seed) noexcept;

/// A matrix [rows,columns] of such weights for `rows` inputs, times `scale`; row by row.
[[nodiscard]] PackedMatrix random_matrix(std::int64_t rows, std::int64_t columns,
                                         std::uint64_t seed, double scale = 1);

}  // namespace sluice::model

#include "apps/model/seeded_weights.h"

#include <cmath>
#include <vector>

#include "apps/sample/random.h"

namespace sluice::model {

std::uint64_t seed_of(std::uint64_t seed, std::string_view name) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char letter : name)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return sample::mix(sample::mix(seed) ^ hash);
}

void fill_random(std::span<float> weights, double inputs, std::uint64_t seed) noexcept {
  const double bound = std::sqrt(3 / inputs);
  for (float& weight : weights)
    weight = static_cast<float>(bound * (2 * sample::to_unit(sample::mix(seed++)) - 1));
}

PackedMatrix random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed,
                           double scale) {
  PackedMatrix matrix(rows, columns);
  std::vector<float> row(static_cast<std::size_t>(columns));
  const double inputs = static_cast<double>(rows) / (scale * scale);
  for (std::int64_t r = 0; r < rows; ++r) {
    fill_random(row, inputs, seed + static_cast<std::uint64_t>(r * columns));
    matrix.set_row(r, row.data());
  }
  return matrix;
}

}  // namespace sluice::model

// Seeded inputs for tests: small clips with planted redundancy, ties and broken values.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::test {

/// Number of random cases: all of them with SLUICE_LONG_TESTS=1, else a fraction.
inline std::int64_t cases(std::int64_t all, std::int64_t fraction = 20) {
  const char* value = std::getenv("SLUICE_LONG_TESTS");
  return value != nullptr && std::string_view(value) == "1" ? all : all / fraction;
}

/// A generator whose numbers don't depend on the standard library's distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// In [0, 1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * uniform(); }
  /// In [low, high], both included.
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(uniform() * static_cast<double>(high - low + 1));
  }
  bool chance(double probability) { return uniform() < probability; }
  /// Roughly normal, by summing uniforms; good enough to fill features.
  float normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return static_cast<float>(sum);
  }

 private:
  std::mt19937_64 engine_;
};

struct ClipShape {
  std::int64_t frames = 8, positions = 9, width = 16;
};

struct ClipOptions {
  double repeat = 0.6;      ///< chance that a position continues from the frame before
  double noise = 0.05;      ///< relative size of what changes when it continues
  double exact_copy = 0.0;  ///< chance that a continuing position is bit-identical
  double broken = 0.0;      ///< chance of NaN or infinity in a token
  double zero = 0.0;        ///< chance of an all-zero token
  double twin = 0.0;        ///< chance that a position copies its left neighbour
};

/// features [F,S,D] f32.
inline std::vector<float> random_clip(Random& random, const ClipShape& shape,
                                      const ClipOptions& options = {}) {
  const auto [frames, positions, width] = shape;
  std::vector<float> values(static_cast<std::size_t>(frames * positions * width));
  const auto row = [&](std::int64_t f, std::int64_t p) {
    return values.data() + (f * positions + p) * width;
  };
  for (std::int64_t f = 0; f < frames; ++f)
    for (std::int64_t p = 0; p < positions; ++p) {
      const bool repeats = f > 0 && random.chance(options.repeat);
      const bool copies = random.chance(options.exact_copy);
      for (std::int64_t d = 0; d < width; ++d) {
        const float fresh = random.normal();
        const auto noise = static_cast<float>(options.noise);
        row(f, p)[d] = !repeats ? fresh : row(f - 1, p)[d] + (copies ? 0.0f : noise * fresh);
      }
      if (p > 0 && random.chance(options.twin)) std::copy_n(row(f, p - 1), width, row(f, p));
    }
  for (std::int64_t token = 0; token < frames * positions; ++token) {
    float* values_of_token = values.data() + token * width;
    if (random.chance(options.zero)) std::fill_n(values_of_token, width, 0.0f);
    if (random.chance(options.broken))
      values_of_token[random.integer(0, width - 1)] = random.chance(0.5)
                                                          ? std::numeric_limits<float>::quiet_NaN()
                                                          : std::numeric_limits<float>::infinity();
  }
  return values;
}

inline kernels::Tensor clip_tensor(const std::vector<float>& values, const ClipShape& shape,
                                   kernels::DType dtype = kernels::DType::f32) {
  kernels::Tensor tensor(dtype, {shape.frames, shape.positions, shape.width});
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (dtype == kernels::DType::f32) tensor.as<float>()[i] = values[i];
    if (dtype == kernels::DType::f16) tensor.as<kernels::Half>()[i] = kernels::to_half(values[i]);
    if (dtype == kernels::DType::bf16)
      tensor.as<kernels::Bfloat16>()[i] = kernels::to_bfloat16(values[i]);
  }
  return tensor;
}

/// attention [F,S] f32; `levels` > 0 makes ties.
inline kernels::Tensor random_attention(Random& random, const ClipShape& shape, int levels = 0) {
  kernels::Tensor tensor(kernels::DType::f32, {shape.frames, shape.positions});
  for (auto& value : tensor.as<float>())
    value = levels > 0 ? static_cast<float>(random.integer(0, levels - 1))
                       : static_cast<float>(random.uniform());
  return tensor;
}

}  // namespace sluice::test

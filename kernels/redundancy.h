// Which positions of a frame look the same as in the frame before: HoliTom's redundancy map
// (arXiv 2505.21334, §3.2; algorithms: cosine of adjacent frames, strictly above τ).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

/// For F frames of S positions. Pair f compares frames f and f+1.
struct RedundancyMap {
  std::int64_t frames = 0;
  std::int64_t positions = 0;
  std::vector<std::uint8_t> redundant;  ///< [F−1,S] 1 if cosine > τ
  std::vector<float> similarity;        ///< [F−1,S] cosine; NaN if a row is zero or not finite
  std::vector<std::uint8_t> finite;     ///< [F,S] 1 if no element is NaN or infinite
};

/// frames: F views [S,D] of one type (f32, f16, bf16), contiguous, on the CPU. Each row is read
/// once. A zero row, or one with NaN or infinity, is never redundant. Cosines too close to τ for
/// f32 are decided in f64, so the bits don't depend on the instruction set or thread count.
/// Throws sluice::Error for frames that don't match each other.
void redundancy_map(Resources& resources, std::span<const TensorView> frames, double tau,
                    RedundancyMap& map);

/// The same for one new frame of a stream: compares `current` with `previous` (undefined for the
/// first frame, then redundant is all 0 and similarity all NaN). Outputs [S].
void compare_frames(Resources& resources, const TensorView& previous, const TensorView& current,
                    double tau, std::span<std::uint8_t> redundant, std::span<float> similarity,
                    std::span<std::uint8_t> current_finite);

/// Throws sluice::Error unless `frame` is a usable [S,D] feature matrix on the CPU.
void require_frame(const TensorView& frame, std::string_view where);

}  // namespace sluice::kernels

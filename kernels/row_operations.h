// Means, blends, gathers and saliency over feature rows.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

/// means[i] = mean over all frames of row positions[i]; f32 sums in the order of the frames.
/// frames: views [S,D] of one feature type; means: [n,D] f32.
void mean_over_frames(Resources& resources, std::span<const TensorView> frames,
                      std::span<const std::int32_t> positions, std::span<float> means);

/// rows[i] = row positions[i] of frame [S,D], widened to f32; rows: [n,D].
void gather_rows(Resources& resources, const TensorView& frame,
                 std::span<const std::int32_t> positions, std::span<float> rows);

/// How a cluster becomes one row (HoliTom's β, and its NO_BETA switch).
struct ClusterBlend {
  double beta = 0.6;        ///< weight of the centre; the rest goes to the mean of its members
  bool plain_mean = false;  ///< instead: mean of centre and members, all alike
};

/// Row output_rows[c] of `output` [N,D] = β·centre + (1−β)·mean(members without the centre), or the
/// centre itself if it has no members. rows [n,D] f32; cluster [n] (index into centres); centres
/// [C] row numbers; output of any feature type, rounded once.
void blend_clusters(Resources& resources, std::span<const float> rows, std::int64_t width,
                    std::span<const std::int32_t> centres, std::span<const std::int32_t> cluster,
                    const ClusterBlend& blend, std::span<const std::int64_t> output_rows,
                    Tensor& output);

/// score[p] = 1 − cos(row p, mean of all finite rows' directions): how far a token stands out from
/// its frame. frame [S,D]; finite [S]; rows that are zero or not finite get 0. f32 sums in a fixed
/// order, so equal on every instruction set and thread count.
void distinctness(Resources& resources, const TensorView& frame,
                  std::span<const std::uint8_t> finite, std::span<float> score);

/// True if no element of a row is NaN or infinite. features [N,D] of a feature type.
[[nodiscard]] bool is_finite_row(const cpu::RowKernels& kernels, const TensorView& features,
                                 std::int64_t row);

/// finite[p] = 1 if no element of row p is NaN or infinite, else 0. features [N,D] of a feature
/// type; finite [N].
void mark_finite(Resources& resources, const TensorView& features, std::span<std::uint8_t> finite);

}  // namespace sluice::kernels

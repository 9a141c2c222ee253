// kernels/row_operations.h on a CUDA device: the same means, blends and copies, bit for bit, for
// many rows at once. Built where a CUDA compiler was found.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/cuda/density_peaks.h"
#include "kernels/cuda/stream_resources.h"
#include "kernels/row_operations.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cuda {

/// A position in consecutive frames; on the host.
struct FrameRun {
  std::int32_t first_frame = 0;
  std::int32_t frames = 1;
  std::int32_t position = 0;
};

/// means[i] = mean of row runs[i].position over its frames, f32 sums in the order of the frames; of
/// one frame: the row, widened. features [F,S,D] of a feature type on the device, contiguous; means
/// [n,D] f32 on the device. Takes pinned scratch: wait() before it ends. Throws sluice::Error: kind
/// input for runs out of range, kind system where CUDA fails.
void mean_over_frames(StreamResources& resources, const TensorView& features,
                      std::span<const FrameRun> runs, float* means);

/// For every cluster c of every problem: row output_rows[c] of `output` = β·centre + (1−β)·mean of
/// its members without the centre, or the centre itself if it has none.
///
/// rows [Σn,D] f32 on the device; peaks: what density_peaks() made of them; output [N,D] of any
/// feature type on the device, rounded once; output_rows [ΣC] on the host, each below N. Takes
/// pinned scratch: wait() before it ends. Throws sluice::Error as above.
void blend_clusters(StreamResources& resources, const TensorView& rows,
                    std::span<const ClusterProblem> problems, const DensityPeaks& peaks,
                    const ClusterBlend& blend, std::span<const std::int64_t> output_rows,
                    const TensorView& output);

/// A row of one matrix that becomes a row of another; on the host.
struct RowCopy {
  std::int64_t from = 0, to = 0;
};

/// Row copies[i].to of `output` [M,D] = row copies[i].from of `features` [N,D]: of one type, on the
/// device, contiguous, not overlapping. Takes pinned scratch: wait() before it ends. Throws
/// sluice::Error as above.
void copy_rows(StreamResources& resources, const TensorView& features,
               std::span<const RowCopy> copies, const TensorView& output);

}  // namespace sluice::kernels::cuda

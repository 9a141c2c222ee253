// Clusters of a clip's rows on a CUDA device, all at once. Internal to temporal/.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda/density_peaks.h"
#include "kernels/cuda/row_operations.h"
#include "kernels/cuda/stream_resources.h"
#include "kernels/tensor.h"
#include "temporal/clip_rows.h"

namespace sluice::temporal {

/// Sets of rows that are clustered together: what they are made of, and what became of them.
struct CudaClustering {
  std::vector<kernels::cuda::FrameRun> runs;  // per row
  std::vector<std::int32_t> positions;
  std::vector<kernels::cuda::ClusterProblem> problems;
  kernels::TensorView rows;  // on the device, as are the peaks
  kernels::cuda::DensityPeaks peaks;
  std::span<const std::int32_t> centres, cluster;  // pinned copies
  std::span<const float> centre_score;

  [[nodiscard]] std::int64_t centre_count() const {
    std::int64_t count = 0;
    for (const auto& problem : problems) count += problem.centres;
    return count;
  }
  void add_row(std::int64_t first_frame, std::int64_t frames, std::int64_t position) {
    runs.push_back({static_cast<std::int32_t>(first_frame), static_cast<std::int32_t>(frames),
                    static_cast<std::int32_t>(position)});
    positions.push_back(static_cast<std::int32_t>(position));
  }

  /// Starts everything on the device; the copies are there after wait().
  void run(kernels::cuda::StreamResources& resources, const kernels::TensorView& features,
           std::int64_t neighbours) {
    if (problems.empty()) return;
    const auto count = static_cast<std::int64_t>(runs.size());
    const std::int64_t width = features.size(2);
    auto* means = resources.device_array<float>(count * width);
    kernels::cuda::mean_over_frames(resources, features, runs, means);
    rows = kernels::TensorView(means, kernels::DType::f32, {count, width}, features.device());
    peaks = kernels::cuda::density_peaks(resources, rows, problems, neighbours);
    centres = resources.host_copy(peaks.centres, centre_count());
    centre_score = resources.host_copy(peaks.centre_score, centre_count());
    cluster = resources.host_copy(peaks.cluster, count);
  }
};

/// Hands out the problems of a clustering one by one.
class ClusterReader {
 public:
  explicit ClusterReader(const CudaClustering& clustering) : clustering_(clustering) {}

  [[nodiscard]] ClusteredPositions next() {
    const auto& problem = clustering_.problems[problem_++];
    const auto rows = static_cast<std::size_t>(problem.rows);
    const auto centres = static_cast<std::size_t>(problem.centres);
    const ClusteredPositions part{std::span(clustering_.positions).subspan(row_, rows),
                                  clustering_.centres.subspan(centre_, centres),
                                  clustering_.centre_score.subspan(centre_, centres),
                                  clustering_.cluster.subspan(row_, rows)};
    row_ += rows;
    centre_ += centres;
    return part;
  }

 private:
  const CudaClustering& clustering_;
  std::size_t problem_ = 0, row_ = 0, centre_ = 0;
};

}  // namespace sluice::temporal

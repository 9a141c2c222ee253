#include "kernels/cuda/row_operations.h"

#include <algorithm>
#include <vector>

#include "kernels/cuda/block_operations.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/row_sums.h"
#include "kernels/cuda/row_writer.h"

namespace sluice::kernels::cuda {
namespace {

constexpr std::string_view mean_where = "mean over frames on CUDA";
constexpr std::string_view blend_where = "cluster blend on CUDA";
constexpr std::string_view copy_where = "row copy on CUDA";
constexpr int threads_per_row = 256;

/// One block per run; neighbouring threads take neighbouring columns.
template <typename T>
__global__ void __launch_bounds__(threads_per_row)
    average(const T* features, std::int64_t positions, int width, const FrameRun* runs,
            float* means) {
  const FrameRun run = runs[blockIdx.x];
  const std::int64_t stride = positions * width;
  const T* first =
      features + run.first_frame * stride + static_cast<std::int64_t>(run.position) * width;
  float* mean = means + static_cast<std::int64_t>(blockIdx.x) * width;
  if (run.frames == 1) {
    for (int d = static_cast<int>(threadIdx.x); d < width; d += threads_per_row)
      mean[d] = widen(first[d]);
    return;
  }
  const float share = 1.0F / static_cast<float>(run.frames);
  const auto value = [&](int d) {
    float sum = widen(first[d]);
#pragma unroll 4
    for (std::int32_t f = 1; f < run.frames; ++f) sum += widen(first[f * stride + d]);
    return sum * share;
  };
  const auto careful = [&](int d) {
    float sum = 0;
    for (std::int32_t f = 0; f < run.frames; ++f) sum += widen(first[f * stride + d]) * share;
    return sum;
  };
  write_row(mean, width, value, careful);
}

/// A problem's place among all. Counted from the first of all problems.
struct Problem {
  std::int64_t first_row;
  std::int64_t first_centre;
  std::int32_t rows;
};

struct Shares {
  float centre, member;
};

__device__ Shares shares_of(float beta, bool plain_mean, int members) {
  if (plain_mean) {
    const float share = 1.0F / static_cast<float>(members + 1);
    return {share, share};
  }
  return {beta, (1.0F - beta) / static_cast<float>(members > 1 ? members : 1)};
}

/// A cluster's rows without its centre, ascending: found by one warp.
struct Members {
  std::int32_t* list;
  int count;
};

/// Lists cluster c's members behind those of the clusters before it, in memory for all of the
/// problem's rows.
__device__ Members find_members(const std::int32_t* cluster, std::int32_t rows, std::int32_t c,
                                std::int32_t centre, std::int32_t* memory) {
  int before = 0, count = 0;
  for (std::int32_t first = 0; first < rows; first += warp_size) {
    const std::int32_t i = first + lane_of_warp();
    const std::int32_t own = i < rows ? cluster[i] : c + 1;  // past the end: of no interest
    before += __popc(__ballot_sync(all_lanes, own < c));
  }
  for (std::int32_t first = 0; first < rows; first += warp_size) {
    const std::int32_t i = first + lane_of_warp();
    const bool is_member = i < rows && cluster[i] == c && i != centre;
    const unsigned lanes = __ballot_sync(all_lanes, is_member);
    if (is_member) memory[before + count + __popc(lanes & ((1U << lane_of_warp()) - 1U))] = i;
    count += __popc(lanes);
  }
  return {memory + before, count};
}

/// One block per cluster. memory: [Σn] scratch for lists of members.
template <typename T>
__global__ void __launch_bounds__(threads_per_row)
    blend_rows(const float* rows, int width, const Problem* problems, std::int32_t problem_count,
               DensityPeaks peaks, float beta, bool plain_mean, const std::int64_t* output_rows,
               std::int32_t* memory, T* output) {
  const std::int64_t index = blockIdx.x;  // of the centre, among those of all problems
  const Problem& problem = group_of(problems, problem_count, &Problem::first_centre, index);
  const std::int32_t centre = peaks.centres[index];
  auto* shared = dynamic_shared<Members>();
  if (warp_of_block() == 0) {
    const Members found = find_members(peaks.cluster + problem.first_row, problem.rows,
                                       static_cast<std::int32_t>(index - problem.first_centre),
                                       centre, memory + problem.first_row);
    if (lane_of_warp() == 0) *shared = found;
  }
  __syncthreads();  // the list itself, too: it is the block's own
  const Members members = *shared;
  const float* first = rows + problem.first_row * width;
  const float* centre_row = first + static_cast<std::int64_t>(centre) * width;
  T* target = output + output_rows[index] * width;
  if (members.count == 0) {
    for (int d = static_cast<int>(threadIdx.x); d < width; d += threads_per_row)
      narrow(centre_row[d], target[d]);
    return;
  }
  const Shares shares = shares_of(beta, plain_mean, members.count);
  const auto member = [&](int m, int d) {
    return first[static_cast<std::int64_t>(members.list[m]) * width + d];
  };
  const auto value = [&](int d) {
    float sum = 0;
#pragma unroll 4
    for (int m = 0; m < members.count; ++m) sum += member(m, d);
    return sum * shares.member + centre_row[d] * shares.centre;
  };
  const auto careful = [&](int d) {
    float sum = 0;
    for (int m = 0; m < members.count; ++m) sum += member(m, d) * shares.member;
    return sum + centre_row[d] * shares.centre;
  };
  write_row(target, width, value, careful);
}

/// One warp per row, piece by piece.
template <typename Piece>
__global__ void __launch_bounds__(threads_per_row)
    copy_pieces(const Piece* features, std::int64_t pieces, const RowCopy* copies,
                std::int64_t count, Piece* output) {
  const std::int64_t index = warp_of_grid();
  if (index >= count) return;
  const Piece* source = features + copies[index].from * pieces;
  Piece* target = output + copies[index].to * pieces;
  for (std::int64_t i = lane_of_warp(); i < pieces; i += warp_size) target[i] = source[i];
}

template <typename Piece>
void copy_as(StreamResources& resources, const TensorView& features, std::size_t row_bytes,
             std::span<const RowCopy> copies, const TensorView& output) {
  const auto count = static_cast<std::int64_t>(copies.size());
  launch(resources, copy_where, &copy_pieces<Piece>,
         {blocks_for(count, threads_per_row / warp_size), threads_per_row},
         static_cast<const Piece*>(features.data()),
         static_cast<std::int64_t>(row_bytes / sizeof(Piece)), resources.device_copy(copies), count,
         static_cast<Piece*>(const_cast<void*>(output.data())));
}

void require_rows(StreamResources& resources, const TensorView& rows, std::size_t rank,
                  std::string_view where) {
  if (rows.rank() != rank || !is_feature_type(rows.dtype()))
    throw input_error(where, concat(name(rows.dtype()), ' ', rows.shape().to_string()),
                      rank == 3 ? "[F,S,D] of f32, f16 or bf16" : "[n,D] of f32, f16 or bf16");
  require_on_device(resources, rows, where);
}

}  // namespace

void mean_over_frames(StreamResources& resources, const TensorView& features,
                      std::span<const FrameRun> runs, float* means) {
  require_rows(resources, features, 3, mean_where);
  for (const FrameRun& run : runs)
    if (run.first_frame < 0 || run.frames < 1 || run.first_frame + run.frames > features.size(0) ||
        run.position < 0 || run.position >= features.size(1))
      throw input_error(mean_where,
                        concat("position ", run.position, " of ", run.frames, " frames from ",
                               run.first_frame, " on"),
                        concat("some of ", features.shape().to_string()));
  if (runs.empty()) return;
  const FrameRun* device_runs = resources.device_copy(runs);
  with_feature_type(features.dtype(), [&](auto* type) {
    using T = std::remove_cvref_t<decltype(*type)>;
    launch(resources, mean_where, &average<T>,
           {static_cast<std::int64_t>(runs.size()), threads_per_row},
           static_cast<const T*>(features.data()), features.size(1),
           static_cast<int>(features.size(2)), device_runs, means);
  });
}

void blend_clusters(StreamResources& resources, const TensorView& rows,
                    std::span<const ClusterProblem> problems, const DensityPeaks& peaks,
                    const ClusterBlend& blend, std::span<const std::int64_t> output_rows,
                    const TensorView& output) {
  require_rows(resources, rows, 2, blend_where);
  require_rows(resources, output, 2, blend_where);
  std::vector<Problem> places;
  Problem next{0, 0, 0};
  for (const ClusterProblem& problem : problems) {
    next.rows = static_cast<std::int32_t>(problem.rows);
    places.push_back(next);
    next.first_row += problem.rows;
    next.first_centre += problem.centres;
  }
  if (rows.dtype() != DType::f32 || next.first_row != rows.size(0) ||
      static_cast<std::size_t>(next.first_centre) != output_rows.size() ||
      output.size(1) != rows.size(1))
    throw input_error(
        blend_where,
        concat("rows ", rows.shape().to_string(), ", ", output_rows.size(), " output rows, output ",
               output.shape().to_string()),
        concat(next.first_row, " rows of f32, ", next.first_centre, " output rows, one width"));
  for (const std::int64_t row : output_rows)
    if (row < 0 || row >= output.size(0))
      throw input_error(blend_where, concat("output row ", row), concat("one of ", output.size(0)));
  if (output_rows.empty()) return;
  const Problem* device_places = resources.device_copy(std::span<const Problem>(places));
  const std::int64_t* device_output_rows = resources.device_copy(output_rows);
  const StreamResources::DeviceScratch scratch(resources);
  auto* memory = resources.device_array<std::int32_t>(rows.size(0));
  with_feature_type(output.dtype(), [&](auto* type) {
    using T = std::remove_cvref_t<decltype(*type)>;
    launch(resources, blend_where, &blend_rows<T>,
           {next.first_centre, threads_per_row, sizeof(Members)},
           static_cast<const float*>(rows.data()), static_cast<int>(rows.size(1)), device_places,
           static_cast<std::int32_t>(places.size()), peaks, static_cast<float>(blend.beta),
           blend.plain_mean, device_output_rows, memory,
           static_cast<T*>(const_cast<void*>(output.data())));
  });
}

void copy_rows(StreamResources& resources, const TensorView& features,
               std::span<const RowCopy> copies, const TensorView& output) {
  require_rows(resources, features, 2, copy_where);
  require_rows(resources, output, 2, copy_where);
  if (features.dtype() != output.dtype() || features.size(1) != output.size(1))
    throw input_error(
        copy_where, concat(name(features.dtype()), ' ', features.shape().to_string()),
        concat("type and width of ", name(output.dtype()), ' ', output.shape().to_string()));
  for (const RowCopy& copy : copies)
    if (copy.from < 0 || copy.from >= features.size(0) || copy.to < 0 || copy.to >= output.size(0))
      throw input_error(copy_where, concat("row ", copy.from, " to row ", copy.to),
                        concat("rows of ", features.size(0), " and ", output.size(0)));
  if (copies.empty()) return;
  const std::size_t row_bytes =
      static_cast<std::size_t>(features.size(1)) * item_size(features.dtype());
  const std::size_t together = reinterpret_cast<std::uintptr_t>(features.data()) |
                               reinterpret_cast<std::uintptr_t>(output.data()) | row_bytes;
  if (together % sizeof(uint4) == 0)
    copy_as<uint4>(resources, features, row_bytes, copies, output);
  else if (together % sizeof(std::uint32_t) == 0)
    copy_as<std::uint32_t>(resources, features, row_bytes, copies, output);
  else
    copy_as<std::uint16_t>(resources, features, row_bytes, copies, output);
}

}  // namespace sluice::kernels::cuda

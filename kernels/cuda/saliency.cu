#include "kernels/cuda/saliency.h"

#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/row_sums.h"

namespace sluice::kernels::cuda {
namespace {

constexpr std::string_view where = "saliency on CUDA";
constexpr int threads = 256;

__device__ bool is_set(const std::uint32_t* mask, std::int64_t position) {
  return (mask[position / warp_size] >> (position % warp_size) & 1U) != 0;
}

/// 1 / length of each row, from the squares that the redundancy map has already summed; 0 for rows
/// that are zero or not finite.
__global__ void __launch_bounds__(threads)
    invert_lengths(RedundancyMap map, float* inverse_length) {
  const std::int64_t at = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (at >= map.frames * map.positions) return;
  const std::int64_t frame = at / map.positions;
  const float square = map.square[at];
  const bool usable =
      is_set(map.finite + frame * map.words, at % map.positions) && square > 0 && isfinite(square);
  inverse_length[at] = usable ? 1.0F / sqrtf(square) : 0.0F;
}

/// direction[f] = Σ of all rows' directions in frame f. One thread per column, so that the rows are
/// added in ascending order; the loads don't wait for the sums.
template <typename T>
__global__ void __launch_bounds__(threads)
    sum_directions(const T* features, std::int64_t positions, std::int64_t width,
                   std::int64_t blocks_per_frame, const float* inverse_length, float* direction) {
  const std::int64_t frame = blockIdx.x / blocks_per_frame;
  const std::int64_t d = blockIdx.x % blocks_per_frame * threads + threadIdx.x;
  if (d >= width) return;
  const T* column = features + frame * positions * width + d;
  const float* inverse = inverse_length + frame * positions;
  float sum = 0;
#pragma unroll 8
  for (std::int64_t p = 0; p < positions; ++p) {
    const float x = widen(column[p * width]);
    const float share = inverse[p];
    sum = share > 0 ? sum + x * share : sum;  // what is not finite must not get in
  }
  direction[frame * width + d] = sum;
}

/// One warp per frame.
__global__ void __launch_bounds__(threads)
    invert_directions(const float* direction, std::int64_t frames, int width, float* inverse) {
  const std::int64_t frame = warp_of_grid();
  if (frame >= frames) return;
  const float sum = square(direction + frame * width, width);
  if (lane_of_warp() == 0) inverse[frame] = sum > 0 && isfinite(sum) ? 1.0F / sqrtf(sum) : 0.0F;
}

/// One warp per row.
template <typename T>
__global__ void __launch_bounds__(threads)
    score_rows(const T* features, int width, RedundancyMap map, const std::uint32_t* wanted,
               const float* inverse_length, const float* direction, const float* inverse_direction,
               float* score) {
  const std::int64_t at = warp_of_grid();
  if (at >= map.frames * map.positions) return;
  const std::int64_t frame = at / map.positions;
  const float inverse = inverse_length[at];
  float stands_out = 0;
  if (inverse > 0 &&
      (wanted == nullptr || is_set(wanted + frame * map.words, at % map.positions))) {
    const float* mean = direction + frame * width;
    const T* row = features + at * width;
    float dot = 0;
#pragma unroll 8
    for (int i = lane_of_warp(); i < width; i += warp_size) dot += mean[i] * widen(row[i]);
    stands_out = 1.0F - sum_of_lanes(dot) * inverse * inverse_direction[frame];
  }
  if (lane_of_warp() != 0) return;
  if (frame > 0) {
    const float similarity = map.similarity[at - map.positions];
    if (!isnan(similarity)) stands_out += 1.0F - similarity;
  }
  score[at] = stands_out;
}

}  // namespace

void saliency(StreamResources& resources, const TensorView& features, const RedundancyMap& map,
              const std::uint32_t* wanted, float* score) {
  if (features.rank() != 3 || features.size(0) != map.frames || features.size(1) != map.positions ||
      !is_feature_type(features.dtype()))
    throw input_error(where, concat(name(features.dtype()), ' ', features.shape().to_string()),
                      concat("[", map.frames, ", ", map.positions, ", D], as the redundancy map"));
  require_on_device(resources, features, where);
  const std::int64_t tokens = map.frames * map.positions;
  const std::int64_t width = features.size(2);
  const StreamResources::DeviceScratch scratch(resources);
  auto* inverse_length = resources.device_array<float>(tokens);
  auto* direction = resources.device_array<float>(map.frames * width);
  auto* inverse_direction = resources.device_array<float>(map.frames);
  launch(resources, where, &invert_lengths, {blocks_for(tokens, threads), threads}, map,
         inverse_length);
  constexpr int warps = threads / warp_size;
  const std::int64_t blocks_per_frame = blocks_for(width, threads);
  with_feature_type(features.dtype(), [&](auto* type) {
    using T = std::remove_cvref_t<decltype(*type)>;
    const auto* rows = static_cast<const T*>(features.data());
    launch(resources, where, &sum_directions<T>, {map.frames * blocks_per_frame, threads}, rows,
           map.positions, width, blocks_per_frame, inverse_length, direction);
    launch(resources, where, &invert_directions, {blocks_for(map.frames, warps), threads},
           direction, map.frames, static_cast<int>(width), inverse_direction);
    launch(resources, where, &score_rows<T>, {blocks_for(tokens, warps), threads}, rows,
           static_cast<int>(width), map, wanted, inverse_length, direction, inverse_direction,
           score);
  });
}

}  // namespace sluice::kernels::cuda

#include "kernels/cuda/redundancy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/cpu/row_kernels.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/row_ring.h"
#include "kernels/cuda/row_sums.h"

namespace sluice::kernels::cuda {
namespace {

constexpr std::string_view where = "redundancy map on CUDA";
constexpr std::uint8_t finite_flag = 1;
constexpr std::uint8_t redundant_flag = 2;

/// Frames that lie `stride` elements apart.
struct Clip {
  const void* first;
  std::int64_t stride;
  std::int64_t frames;
  std::int64_t positions;
  int width;
  DType dtype;
};

struct Decision {
  double tau;
  double band;  ///< how far off the f32 cosine can be
};

struct Outputs {
  std::uint8_t* flags;  ///< [F,S]
  float* similarity;    ///< [F−1,S]
  float* square;        ///< [F,S]
};

/// Squares outside this range may have overflowed or lost their small terms in f32.
__device__ bool is_trustworthy(float square) {
  return square > 1e-20F && square < 1e30F;
}

template <typename T>
__device__ bool is_finite(const T* row, float square, int width) {
  return isfinite(square) || isfinite(dot_f64(row, row, width));
}

/// The whole warp decides, and every lane knows: true if redundant.
template <typename T>
__device__ bool decide(const T* previous, const T* current, float dot, float square_before,
                       float square_now, int width, const Decision& decision, float& similarity) {
  if (is_trustworthy(square_now) && is_trustworthy(square_before)) {
    const double cosine = static_cast<double>(dot) / sqrt(static_cast<double>(square_now) *
                                                          static_cast<double>(square_before));
    similarity = static_cast<float>(cosine);
    if (fabs(cosine - decision.tau) > decision.band) return cosine > decision.tau;
  }
  const double exact_dot = dot_f64(previous, current, width);
  const double length = sqrt(dot_f64(previous, previous, width) * dot_f64(current, current, width));
  const bool is_defined = isfinite(length) && length > 0;
  similarity =
      is_defined ? static_cast<float>(exact_dot / length) : std::numeric_limits<float>::quiet_NaN();
  return is_defined && exact_dot > decision.tau * length;
}

/// One warp walks along `frames_per_run` pairs of frames of one position: each row is fetched once
/// and serves as the current one, then as the one before. Neighbouring warps take neighbouring
/// positions, whose rows lie side by side. 32 lanes per row because the order of the sums has 32.
template <typename T, RowPath path>
__global__ void __launch_bounds__(128)
    compare_runs(Clip clip, std::int64_t runs, std::int64_t frames_per_run, Decision decision,
                 Outputs out) {
  const std::int64_t index = warp_of_grid();
  if (index >= runs * clip.positions) return;  // all lanes alike
  const std::int64_t position = index % clip.positions;
  const std::int64_t first = index / clip.positions * frames_per_run;
  const std::int64_t last =
      first + frames_per_run < clip.frames ? first + frames_per_run : clip.frames - 1;
  const int width = clip.width;
  const std::size_t ring_bytes =
      ring_rows * ring_row_bytes(static_cast<std::size_t>(width) * sizeof(T));
  RowRing<T, path> rows(
      dynamic_shared<std::byte>() + static_cast<std::size_t>(warp_of_block()) * ring_bytes,
      static_cast<const T*>(clip.first) + first * clip.stride + position * width, clip.stride,
      width);

  rows.fetch(true);
  rows.fetch(first < last);
  const T* previous = rows.take();
  float square_before = square(previous, width);
  if (first == 0) {  // else the run before has written it
    const bool finite = is_finite(previous, square_before, width);
    if (lane_of_warp() == 0) {
      out.flags[position] = finite ? finite_flag : std::uint8_t{0};
      out.square[position] = square_before;
    }
  }
  for (std::int64_t frame = first + 1; frame <= last; ++frame) {
    rows.fetch(frame < last);
    const T* current = rows.take();
    const DotAndSquare sums = dot_and_square(previous, current, width);
    float similarity = 0;
    const bool redundant = decide(previous, current, sums.dot, square_before, sums.square, width,
                                  decision, similarity);
    const bool finite = is_finite(current, sums.square, width);
    if (lane_of_warp() == 0) {
      const std::int64_t at = frame * clip.positions + position;
      out.flags[at] =
          static_cast<std::uint8_t>((finite ? finite_flag : 0) | (redundant ? redundant_flag : 0));
      out.square[at] = sums.square;
      out.similarity[at - clip.positions] = similarity;
    }
    previous = current;
    square_before = sums.square;
  }
}

/// One warp per word of the masks.
__global__ void __launch_bounds__(256)
    pack_flags(const std::uint8_t* flags, std::int64_t frames, std::int64_t positions,
               std::int64_t words, std::uint32_t* redundant, std::uint32_t* finite) {
  const std::int64_t index = warp_of_grid();
  if (index >= frames * words) return;
  const std::int64_t frame = index / words;
  const std::int64_t position = index % words * warp_size + lane_of_warp();
  const unsigned flag = position < positions ? flags[frame * positions + position] : 0U;
  const std::uint32_t finite_word = __ballot_sync(all_lanes, flag & finite_flag);
  const std::uint32_t redundant_word = __ballot_sync(all_lanes, flag & redundant_flag);
  if (lane_of_warp() != 0) return;
  finite[index] = finite_word;
  if (frame > 0) redundant[index - words] = redundant_word;
}

RowPath path_of(const Clip& clip, std::size_t row_bytes, const StreamResources& resources) {
  const std::size_t stride = static_cast<std::size_t>(clip.stride) * item_size(clip.dtype);
  const std::size_t together =
      reinterpret_cast<std::uintptr_t>(clip.first) | row_bytes | stride;  // as its lowest bits
  if (ring_rows * ring_row_bytes(row_bytes) > resources.shared_bytes_per_block() ||
      together % 4 != 0)
    return RowPath::direct;
  return together % 16 == 0 ? RowPath::copy_16 : RowPath::copy_4;
}

struct Plan {
  RowPath path;
  int warps_per_block;
  std::size_t shared_bytes;
  std::int64_t runs, frames_per_run;
};

/// Shared memory decides how many warps are at work at the same time (their rows on the way are
/// what keeps the memory busy: ten warps with rows of 7 KiB are 70 KiB per multiprocessor); as many
/// runs as there are such warps, but of at least four pairs: each run reads one row twice.
Plan plan_for(const Clip& clip, const StreamResources& resources) {
  constexpr std::size_t reserved_per_block = 1 << 10;  // by CUDA
  constexpr std::int64_t least_frames_per_run = 4;
  const std::size_t row_bytes = static_cast<std::size_t>(clip.width) * item_size(clip.dtype);
  const std::size_t ring = ring_rows * ring_row_bytes(row_bytes);
  Plan plan{path_of(clip, row_bytes, resources), 4, 0, 1, 1};
  std::int64_t blocks_at_once = 8;
  if (plan.path != RowPath::direct) {
    if (ring > std::size_t{12} << 10) plan.warps_per_block = 1;  // wastes less of the last bytes
    plan.shared_bytes = static_cast<std::size_t>(plan.warps_per_block) * ring;
    blocks_at_once = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(resources.shared_bytes_per_multiprocessor() /
                                  (plan.shared_bytes + reserved_per_block)),
        1, plan.warps_per_block == 1 ? 32 : 12);
  }
  const std::int64_t warps_at_once =
      blocks_at_once * plan.warps_per_block * resources.multiprocessors();
  const std::int64_t pairs = std::max<std::int64_t>(clip.frames - 1, 1);
  plan.frames_per_run = std::clamp(blocks_for(pairs * clip.positions, warps_at_once),
                                   std::min(least_frames_per_run, pairs), pairs);
  plan.runs = blocks_for(pairs, plan.frames_per_run);
  return plan;
}

template <typename T, RowPath path>
void launch_runs(StreamResources& resources, const Clip& clip, const Plan& plan,
                 const Decision& decision, const Outputs& out) {
  launch(resources, where, &compare_runs<T, path>,
         {blocks_for(plan.runs * clip.positions, plan.warps_per_block),
          plan.warps_per_block * warp_size, plan.shared_bytes},
         clip, plan.runs, plan.frames_per_run, decision, out);
}

RedundancyMap compare(StreamResources& resources, const Clip& clip, double tau) {
  RedundancyMap map;
  map.frames = clip.frames;
  map.positions = clip.positions;
  map.words = 2 * blocks_for(clip.positions, 64);
  const std::int64_t tokens = clip.frames * clip.positions;
  map.redundant = resources.device_array<std::uint32_t>((clip.frames - 1) * map.words);
  map.finite = resources.device_array<std::uint32_t>(clip.frames * map.words);
  map.similarity = resources.device_array<float>(tokens - clip.positions);
  map.square = resources.device_array<float>(tokens);
  const StreamResources::DeviceScratch scratch(resources);
  const Outputs out{resources.device_array<std::uint8_t>(tokens), map.similarity, map.square};
  const Decision decision{tau, 2 * cpu::dot_error(clip.width)};
  const Plan plan = plan_for(clip, resources);
  with_feature_type(clip.dtype, [&](auto* type) {
    using T = std::remove_cvref_t<decltype(*type)>;
    if (plan.path == RowPath::copy_16)
      launch_runs<T, RowPath::copy_16>(resources, clip, plan, decision, out);
    else if (plan.path == RowPath::copy_4)
      launch_runs<T, RowPath::copy_4>(resources, clip, plan, decision, out);
    else
      launch_runs<T, RowPath::direct>(resources, clip, plan, decision, out);
  });
  constexpr int words_per_block = 8;
  launch(resources, where, &pack_flags,
         {blocks_for(clip.frames * map.words, words_per_block), words_per_block * warp_size},
         out.flags, clip.frames, clip.positions, map.words, map.redundant, map.finite);
  return map;
}

void require_features(const StreamResources& resources, const TensorView& features,
                      std::size_t rank, std::string_view expected) {
  if (features.rank() != rank || features.empty())
    throw input_error(where, concat("features of shape ", features.shape().to_string()), expected);
  if (!is_feature_type(features.dtype()))
    throw input_error(where, concat("features of type ", name(features.dtype())),
                      "f32, f16 or bf16");
  if (features.size(rank - 1) > std::numeric_limits<std::int32_t>::max() / 2)
    throw input_error(where, concat("features of width ", features.size(rank - 1)),
                      "fewer than 2^30");
  require_on_device(resources, features, where);
}

}  // namespace

RedundancyMap redundancy_map(StreamResources& resources, const TensorView& features, double tau) {
  require_features(resources, features, 3, "[F,S,D] with at least one of each");
  return compare(resources,
                 {features.data(), features.stride(0), features.size(0), features.size(1),
                  static_cast<int>(features.size(2)), features.dtype()},
                 tau);
}

RedundancyMap compare_frames(StreamResources& resources, const TensorView& previous,
                             const TensorView& current, double tau) {
  require_features(resources, current, 2, "[S,D] with at least one of each");
  require_features(resources, previous, 2, "[S,D] with at least one of each");
  if (!(previous.shape() == current.shape()) || previous.dtype() != current.dtype())
    throw input_error(
        where, concat(name(current.dtype()), ' ', current.shape().to_string()),
        concat(name(previous.dtype()), ' ', previous.shape().to_string(), ", as the frame before"));
  const auto address = [](const TensorView& frame) {
    return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(frame.data()));
  };
  const std::int64_t stride = (address(current) - address(previous)) /
                              static_cast<std::int64_t>(item_size(current.dtype()));
  return compare(resources,
                 {previous.data(), stride, 2, current.size(0), static_cast<int>(current.size(1)),
                  current.dtype()},
                 tau);
}

void download(StreamResources& resources, const RedundancyMap& map,
              kernels::RedundancyMap& host_map) {
  const StreamResources::Scratch scratch(resources);
  const auto redundant = resources.host_copy(map.redundant, (map.frames - 1) * map.words);
  const auto finite = resources.host_copy(map.finite, map.frames * map.words);
  const auto similarity = resources.host_copy(map.similarity, (map.frames - 1) * map.positions);
  resources.wait(where);
  host_map.frames = map.frames;
  host_map.positions = map.positions;
  host_map.similarity.assign(similarity.begin(), similarity.end());
  const auto unpack = [&](std::span<const std::uint32_t> words, std::int64_t frames,
                          std::vector<std::uint8_t>& flags) {
    flags.clear();
    for (std::int64_t frame = 0; frame < frames; ++frame)
      for (std::int64_t p = 0; p < map.positions; ++p) {
        const auto word = words[static_cast<std::size_t>(frame * map.words + p / warp_size)];
        flags.push_back(static_cast<std::uint8_t>(word >> (p % warp_size) & 1U));
      }
  };
  unpack(redundant, map.frames - 1, host_map.redundant);
  unpack(finite, map.frames, host_map.finite);
}

}  // namespace sluice::kernels::cuda

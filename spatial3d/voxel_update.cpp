#include "spatial3d/voxel_update.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/row_kernels.h"

namespace sluice::spatial3d {
namespace {

using kernels::DType;
using kernels::cpu::RowKernels;

/// Squares outside this range may have overflowed or lost their small terms in f32.
bool trustworthy(float square) {
  return square > 1e-20f && square < 1e30f;
}

double square_of(const RowKernels& kernels, const float* row, std::int64_t width) {
  float unused = 0;
  float square = 0;
  kernels.dot_and_square(row, row, DType::f32, width, &unused, &square);
  return trustworthy(square) ? static_cast<double>(square)
                             : kernels.dot_f64(row, row, DType::f32, width);
}

/// Σ of the patches' features: the row itself where there is only one.
const float* frame_sum(const RowKernels& kernels, const PatchView& view,
                       std::span<const std::int32_t> patches, float* scratch) {
  const auto& features = view.features;
  const DType dtype = features.dtype();
  const std::int64_t width = features.size(1);
  if (patches.size() == 1 && dtype == DType::f32)
    return reinterpret_cast<const float*>(features.row(patches[0]));
  kernels.load(scratch, features.row(patches[0]), dtype, width);
  for (const std::int32_t patch : patches.subspan(1))
    kernels.add_scaled(scratch, features.row(patch), dtype, 1.0f, width);
  return scratch;
}

/// 1 − cos(seen, known); 0 if both are zero, 1 if one is.
double one_minus_cosine(const RowKernels& kernels, const float* seen, const float* known,
                        double known_square, std::int64_t width) {
  float dot_f32 = 0;
  float square_f32 = 0;
  kernels.dot_and_square(known, seen, DType::f32, width, &dot_f32, &square_f32);
  double dot = static_cast<double>(dot_f32);
  double square = static_cast<double>(square_f32);
  if (!trustworthy(square_f32) || !std::isfinite(dot_f32)) {
    dot = kernels.dot_f64(known, seen, DType::f32, width);
    square = kernels.dot_f64(seen, seen, DType::f32, width);
  }
  const double lengths = std::sqrt(square) * std::sqrt(known_square);
  if (!(lengths > 0)) return square > 0 || known_square > 0 ? 1 : 0;
  return std::clamp(1 - dot / lengths, 0.0, 2.0);
}

/// How far the mean goes when `seen`, the sum of m patches, joins the sum of n: the new mean is m /
/// (n + m) of the way from the known mean to the mean of what was seen. Taken from the difference
/// itself: differences of squares would drown the small steps of a scene that stands still.
double distance_of_means(const RowKernels& kernels, const float* seen, std::int64_t m,
                         const float* known, std::int64_t n, std::int64_t width, float* scratch) {
  kernels.load(scratch, seen, DType::f32, width);
  kernels.scale(scratch, 1.0f / static_cast<float>(m), width);
  kernels.add_scaled(scratch, known, DType::f32, -1.0f / static_cast<float>(n), width);
  return std::sqrt(square_of(kernels, scratch, width));
}

void compare(const RowKernels& kernels, const PatchView& view,
             std::span<const std::int32_t> patches, RowScratch& scratch, VoxelRecord& record,
             const float* sum) {
  const std::int64_t width = view.features.size(1);
  const float* seen = frame_sum(kernels, view, patches, scratch.first());
  const double change = one_minus_cosine(kernels, seen, sum, record.square, width);
  record.change +=
      static_cast<float>(view.change_rate * (change - static_cast<double>(record.change)));
  const auto m = static_cast<std::int64_t>(patches.size());
  std::int64_t known = pooled_patches(record.weight);
  // Halved on the way: what is new counts for more. The step is then overrated, not underrated.
  if (known + m >= most_pooled) known /= 2;
  const double share = static_cast<double>(m) / static_cast<double>(known + m);
  const double step =
      share * distance_of_means(kernels, seen, m, sum, pooled_patches(record.weight), width,
                                scratch.second());
  record.moved += static_cast<float>(step);
}

/// `weight`: patches pooled before these.
void add_features(const RowKernels& kernels, const PatchView& view,
                  std::span<const std::int32_t> patches, std::int64_t weight, float* sum) {
  const std::int64_t width = view.features.size(1);
  const DType dtype = view.features.dtype();
  for (const std::int32_t patch : patches) {
    if (weight == 0)
      kernels.load(sum, view.features.row(patch), dtype, width);
    else
      kernels.add_scaled(sum, view.features.row(patch), dtype, 1.0f, width);
    if (halves_at(++weight)) kernels.scale(sum, 0.5f, width);
  }
}

void add_places(const PatchView& view, std::span<const std::int32_t> patches, VoxelRecord& record) {
  stream::Vec3 seen{};
  for (const std::int32_t patch : patches)
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto at = 3 * static_cast<std::size_t>(patch) + axis;
      record.place_sum[axis] += static_cast<double>(view.xyz[at]);
      seen[axis] += static_cast<double>(view.xyz[at]);
    }
  if (!view.camera) return;
  double square = 0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    seen[axis] = seen[axis] / static_cast<double>(patches.size()) - (*view.camera)[axis];
    square += seen[axis] * seen[axis];
  }
  if (!(square > 0)) return;
  // A running mean, because a running sum in f32 would stop growing one day.
  const double share = 1.0 / ++record.directed_views;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto mean = static_cast<double>(record.mean_direction[axis]);
    record.mean_direction[axis] =
        static_cast<float>(mean + share * (seen[axis] / std::sqrt(square) - mean));
  }
}

}  // namespace

void add_patches(const RowKernels& kernels, const PatchView& view,
                 std::span<const std::int32_t> patches, RowScratch& scratch, VoxelRecord& record,
                 float* sum) noexcept {
  if (record.weight == 0) {
    record.first_frame = view.frame;
    record.first_pts = view.pts;
  } else {
    compare(kernels, view, patches, scratch, record, sum);
  }
  add_features(kernels, view, patches, record.weight, sum);
  add_places(view, patches, record);
  record.square = square_of(kernels, sum, view.features.size(1));
  record.weight += static_cast<std::int64_t>(patches.size());
  record.last_frame = view.frame;
  record.last_pts = view.pts;
  record.looks = 0;
  ++record.views;
}

float mean_length(const VoxelRecord& record) noexcept {
  return static_cast<float>(std::sqrt(record.square) /
                            static_cast<double>(pooled_patches(record.weight)));
}

}  // namespace sluice::spatial3d

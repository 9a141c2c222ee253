// Promise 3 for voxel tokens: a map that grew frame by frame holds, to the bit, what pooling all
// frames at once gives, as long as nothing is removed or forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "spatial3d/voxel_map.h"
#include "spatial3d/voxel_tokens.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

using kernels::DType;
using kernels::Tensor;

/// F frames of S patches each, concatenated.
struct Recording {
  std::int64_t frames = 0, patches = 0;
  Tensor features;  // [F·S,D]
  std::vector<float> xyz;
  std::vector<std::int32_t> frame;
  std::vector<double> pts;
};

/// Points that crowd a few voxels, with cell borders, lost places and broken features among them.
Recording random_recording(test::Random& random, float voxel_size) {
  Recording recording;
  recording.frames = random.integer(1, 12);
  recording.patches = random.integer(1, 60);
  const test::ClipShape shape{1, recording.frames * recording.patches, random.integer(1, 70)};
  const std::array types{DType::f32, DType::f16, DType::bf16};
  const auto values = test::random_clip(random, shape, {.broken = 0.02, .zero = 0.05});
  recording.features =
      test::clip_tensor(values, shape, types[static_cast<std::size_t>(random.integer(0, 2))]);
  recording.features.reshape(recording.features.dtype(), {shape.positions, shape.width});

  const auto extent = static_cast<double>(voxel_size) * random.between(0.5, 6);
  std::int32_t number = 0;
  for (std::int64_t f = 0; f < recording.frames; ++f) {
    number += static_cast<std::int32_t>(random.integer(1, 3));  // frames may be missing
    for (std::int64_t p = 0; p < recording.patches; ++p) {
      recording.frame.push_back(number);
      recording.pts.push_back(0.1 * number);
      for (int axis = 0; axis < 3; ++axis) {
        auto coordinate = static_cast<float>(random.between(-extent, extent));
        if (random.chance(0.05)) coordinate = 0.5F * voxel_size;
        if (random.chance(0.01)) coordinate = std::numeric_limits<float>::quiet_NaN();
        if (random.chance(0.01)) coordinate = 1e30F;
        recording.xyz.push_back(coordinate);
      }
    }
  }
  return recording;
}

void integrate(spatial3d::VoxelMap& map, const Recording& recording, std::int64_t f,
               spatial3d::MapChanges& changes) {
  const auto first = static_cast<std::size_t>(f * recording.patches);
  spatial3d::MapView view;
  view.frame = recording.frame[first];
  view.pts = recording.pts[first];
  view.features = kernels::TensorView(
      recording.features.view().row(static_cast<std::int64_t>(first)), recording.features.dtype(),
      {recording.patches, recording.features.size(1)});
  view.xyz =
      std::span(recording.xyz).subspan(3 * first, 3 * static_cast<std::size_t>(recording.patches));
  map.integrate(view, changes);
}

void expect_same(const spatial3d::VoxelMap& map, const spatial3d::VoxelTable& table,
                 const spatial3d::VoxelTokens& batch) {
  const auto& tokens = batch.tokens;
  ASSERT_EQ(table.key, tokens.key);
  ASSERT_EQ(table.xyz, tokens.xyz);
  ASSERT_EQ(table.weight, tokens.weight);
  ASSERT_EQ(table.views, batch.views);
  ASSERT_EQ(table.first_frame, tokens.frame);
  ASSERT_EQ(table.last_frame, tokens.frame_last);
  ASSERT_EQ(table.first_pts, tokens.pts);
  ASSERT_EQ(table.last_pts, tokens.pts_last);
  std::vector<std::int32_t> rows(table.key.size());
  std::iota(rows.begin(), rows.end(), 0);
  Tensor features;
  map.features(table, rows, features);
  ASSERT_EQ(features.dtype(), tokens.features.dtype());
  ASSERT_EQ(features.shape(), tokens.features.shape());
  if (!rows.empty()) {
    ASSERT_EQ(std::memcmp(features.data(), tokens.features.data(), features.byte_size()), 0);
  }
}

TEST(Promise3IncrementalMapEqualsBatch, ToTheBitOnRandomRecordings) {
  test::Random random(3301);
  for (std::int64_t round = 0; round < test::cases(4'000); ++round) {
    const float size = static_cast<float>(random.between(0.02, 0.5));
    const Recording recording = random_recording(random, size);
    kernels::Resources resources(static_cast<int>(random.integer(1, 3)));
    const auto batch =
        spatial3d::voxel_tokens(resources, recording.features, recording.xyz, recording.frame,
                                recording.pts, {.voxel_size = size, .max_tokens = 0});
    spatial3d::VoxelMap map(resources, {.voxel_size = size, .see_through_removal = false});
    spatial3d::MapChanges changes;
    spatial3d::VoxelTable table;
    std::vector<std::int64_t> voxel_of_patch;
    for (std::int64_t f = 0; f < recording.frames; ++f) {
      integrate(map, recording, f, changes);
      voxel_of_patch.insert(voxel_of_patch.end(), changes.voxel_of_patch.begin(),
                            changes.voxel_of_patch.end());
      if (random.chance(0.5)) map.table(table);  // the next one is continued from it
    }
    map.table(table);
    SCOPED_TRACE(round);
    ASSERT_NO_FATAL_FAILURE(expect_same(map, table, batch));
    for (std::size_t i = 0; i < voxel_of_patch.size(); ++i) {
      const std::int32_t row = batch.assignment[i];
      ASSERT_EQ(voxel_of_patch[i], row < 0 ? row : table.key[static_cast<std::size_t>(row)]);
    }
  }
}

}  // namespace
}  // namespace sluice

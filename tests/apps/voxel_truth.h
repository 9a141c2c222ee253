// Which of the sample's objects a voxel is truly on: known, because every pixel of the sample is.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "apps/sample/scene.h"
#include "kernels/voxel_key.h"
#include "spatial3d/voxel_map.h"
#include "spatial3d/voxel_table.h"
#include "stream/pose.h"

namespace sluice::test {

/// Remembers of every patch in the map which surface it was measured on and where on it. A voxel is
/// on the object of most of its patches whose surface has not moved away since, by more than half
/// a voxel.
class VoxelTruth {
 public:
  explicit VoxelTruth(double voxel_size) : voxel_size_(voxel_size) {}

  /// places [S,3] of the frame's patches, and what the map did with them.
  void observe(const sample::RenderedFrame& frame, std::span<const float> places,
               const spatial3d::MapChanges& changes) {
    for (const auto key : changes.seen_through) patches_.erase(key);
    for (const auto key : changes.evicted) patches_.erase(key);
    const stream::Pose to_camera = stream::inverse(frame.camera_to_world);
    for (std::size_t p = 0; p < changes.voxel_of_patch.size(); ++p) {
      if (changes.voxel_of_patch[p] < 0) continue;
      const auto at = [&](std::size_t a) { return static_cast<double>(places[3 * p + a]); };
      const stream::Vec3 place{at(0), at(1), at(2)};
      const std::size_t pixel = pixel_of(frame, stream::transform(to_camera, place));
      const std::uint8_t surface = frame.surface_id[pixel];
      const auto& to_world = frame.surface_to_world[surface];
      patches_[changes.voxel_of_patch[p]].push_back(
          {surface, frame.object_id[pixel], place,
           stream::transform(stream::inverse(to_world), place)});
    }
  }

  /// Per row, the object it is on at the time of `frame`; 0: on nothing that is still there.
  [[nodiscard]] std::vector<std::uint8_t> objects(const spatial3d::VoxelTable& table,
                                                  const sample::RenderedFrame& frame) const {
    std::vector<std::uint8_t> objects;
    for (const auto key : table.key) objects.push_back(object_of(key, frame));
    return objects;
  }

 private:
  struct Patch {
    std::uint8_t surface, object;
    stream::Vec3 place, on_surface;
  };

  static std::size_t pixel_of(const sample::RenderedFrame& frame, const stream::Vec3& in_camera) {
    const auto& k = frame.intrinsics;
    const auto column = std::lround(k.fx * in_camera[0] / in_camera[2] + k.cx);
    const auto row = std::lround(k.fy * in_camera[1] / in_camera[2] + k.cy);
    return static_cast<std::size_t>(row * frame.width + column);
  }

  [[nodiscard]] std::uint8_t object_of(kernels::VoxelKey key,
                                       const sample::RenderedFrame& frame) const {
    std::array<int, 256> votes{};
    if (const auto found = patches_.find(key); found != patches_.end())
      for (const Patch& patch : found->second) {
        const auto now = stream::transform(frame.surface_to_world[patch.surface], patch.on_surface);
        const double moved =
            std::hypot(now[0] - patch.place[0], now[1] - patch.place[1], now[2] - patch.place[2]);
        if (moved < voxel_size_ / 2) ++votes[patch.object];
      }
    std::uint8_t most = 0;  // it has no votes: nothing is never an object
    for (std::size_t object = 1; object < votes.size(); ++object)
      if (votes[object] > votes[most]) most = static_cast<std::uint8_t>(object);
    return most;
  }

  double voxel_size_;
  std::unordered_map<kernels::VoxelKey, std::vector<Patch>> patches_;
};

}  // namespace sluice::test

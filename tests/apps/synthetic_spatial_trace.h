// A spatial trace as an engine could have made it, from a seed: patches on a wavy surface that a
// camera passes, voxels that come and go, some of them kept, and an exact budget.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "stream/pose.h"
#include "stream/spatial_trace.h"
#include "stream/token_batch.h"

namespace sluice::test {

struct SyntheticSpatialOptions {
  std::int32_t frames = 12, rows = 5, cols = 6;
  double retain = 0.4;
  bool poses = true;
  bool faults = true;  ///< patches without a place, frames without a pose, removed voxels
  bool cloud = false;  ///< no grid, and frames of different sizes
  std::uint32_t seed = 1;
};

namespace detail {

class SpatialTraceMaker {
 public:
  explicit SpatialTraceMaker(const SyntheticSpatialOptions& options)
      : options_(options), random_(options.seed) {}

  stream::SpatialTrace make() {
    trace_.input = "synthetic_rgbd";
    trace_.settings = {{"voxel_size", "0.05"}, {"retain", "0.4"}};
    trace_.voxel_size = 0.05;
    trace_.retain = options_.retain;
    if (!options_.cloud) {
      trace_.source.grid_rows = options_.rows;
      trace_.source.grid_cols = options_.cols;
      trace_.source.image_width = 640;
      trace_.source.image_height = 480;
    }
    trace_.source.feature_width = 8;
    trace_.stage_ms = {{"read", 12.5}, {"map", 3}};
    trace_.first_patch.push_back(0);
    for (std::int32_t f = 0; f < options_.frames; ++f) add_frame(f);
    decide();
    return std::move(trace_);
  }

 private:
  double share() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  bool fault(double chance) { return options_.faults && share() < chance; }

  void add_frame(std::int32_t f) {
    stream::SpatialTraceFrame frame;
    frame.pts = 0.25 * f;
    if (options_.poses && !(f > 0 && fault(0.1))) {
      frame.pose = stream::identity_pose();
      (*frame.pose)[3] = 0.1 * f;
      frame.pose_estimated = fault(0.2);
    }
    frame.patches = std::int64_t{options_.rows} * options_.cols +
                    (options_.cloud ? static_cast<std::int64_t>(3 * share()) : 0);
    remove_some(frame);
    for (std::int64_t p = 0; p < frame.patches; ++p) add_patch(f, frame);
    trace_.first_patch.push_back(static_cast<std::int64_t>(trace_.patch_voxel.size()));
    frame.voxels = static_cast<std::int64_t>(living_.size());
    frame.budget = static_cast<std::int64_t>(
        std::nearbyint(options_.retain * static_cast<double>(frame.voxels)));
    frame.kept = std::min(frame.budget, frame.voxels);
    frame.changed = frame.placed / 3;
    frame.left = f > 0 ? frame.kept / 10 : 0;
    frame.entered = frame.left;
    frame.turnover = f > 0 && frame.kept > 0
                         ? static_cast<double>(frame.left) / static_cast<double>(frame.kept)
                         : 0;
    trace_.frames.push_back(frame);
  }

  void remove_some(stream::SpatialTraceFrame& frame) {
    if (!frame.pose) return;
    std::erase_if(living_, [&](std::int32_t voxel) {
      if (!fault(0.05)) return false;
      const bool seen_through = share() < 0.5;
      (seen_through ? frame.seen_through : frame.evicted) += 1;
      trace_.voxels[static_cast<std::size_t>(voxel)].fate = static_cast<std::int32_t>(
          seen_through ? stream::DropReason::seen_through : stream::DropReason::evicted);
      return true;
    });
  }

  void add_patch(std::int32_t f, stream::SpatialTraceFrame& frame) {
    if (!frame.pose || fault(0.1)) {
      constexpr float nowhere = std::numeric_limits<float>::quiet_NaN();
      trace_.patch_voxel.push_back(static_cast<std::int32_t>(stream::DropReason::no_depth));
      trace_.patch_xyz.insert(trace_.patch_xyz.end(), 3, nowhere);
      return;
    }
    ++frame.placed;
    const float x = static_cast<float>(0.1 * f + 2 * share()), y = static_cast<float>(share());
    const float z = 2 + 0.2F * std::sin(4 * x);
    const std::int32_t voxel = voxel_of(f, x, y, z, frame);
    trace_.patch_voxel.push_back(voxel);
    trace_.patch_xyz.insert(trace_.patch_xyz.end(), {x, y, z});
    auto& life = trace_.voxels[static_cast<std::size_t>(voxel)];
    if (life.last_frame != f) ++life.views;
    life.last_frame = f;
    ++life.weight;
  }

  std::int32_t voxel_of(std::int32_t f, float x, float y, float z,
                        stream::SpatialTraceFrame& frame) {
    const auto cell = [](float v) {
      return static_cast<std::int64_t>(std::lround(v / 0.05F)) + 1000;
    };
    const std::int64_t key = (cell(x) * 4096 + cell(y)) * 4096 + cell(z);
    for (const std::int32_t voxel : living_)
      if (trace_.voxels[static_cast<std::size_t>(voxel)].key == key) return voxel;
    stream::SpatialTraceVoxel born;
    born.key = key;
    born.x = x;
    born.y = y;
    born.z = z;
    born.first_frame = born.last_frame = f;
    born.views = 1;
    born.score = static_cast<float>(share());
    ++frame.added;
    trace_.voxels.push_back(born);
    living_.push_back(static_cast<std::int32_t>(trace_.voxels.size()) - 1);
    return living_.back();
  }

  void decide() {
    using stream::KeepReason;
    std::int64_t left = trace_.frames.empty() ? 0 : trace_.frames.back().kept;
    std::int32_t row = 0;
    constexpr KeepReason reasons[] = {KeepReason::novelty, KeepReason::surface,
                                      KeepReason::coverage, KeepReason::refresh};
    for (const std::int32_t voxel : living_) {
      auto& life = trace_.voxels[static_cast<std::size_t>(voxel)];
      life.fate = static_cast<std::int32_t>(stream::DropReason::not_selected);
      if (left-- <= 0) continue;
      life.fate = row++;
      life.reason = static_cast<std::uint8_t>(reasons[static_cast<std::size_t>(4 * share()) % 4]);
    }
  }

  SyntheticSpatialOptions options_;
  std::mt19937 random_;
  stream::SpatialTrace trace_;
  std::vector<std::int32_t> living_;
};

}  // namespace detail

inline stream::SpatialTrace synthetic_spatial_trace(const SyntheticSpatialOptions& options = {}) {
  return detail::SpatialTraceMaker(options).make();
}

}  // namespace sluice::test

// The options that decide which voxel tokens of a 3-D recording are kept, and how it is read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spatial3d/spatial_reducer.h"
#include "stream/source.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sluice::apps {

/// Share of the voxel tokens that stays unless the user says otherwise: AdaToken-3D (arXiv
/// 2505.12782) reports 63 % fewer operations.
inline constexpr double default_spatial_retain = 0.37;

/// Where poses come from.
enum class PoseChoice {
  automatic,  ///< the recording's, and estimates where it has none
  file,       ///< the recording's; frames without are counted and not placed
  estimate,   ///< estimates for all frames
  identity    ///< a camera that does not move
};

struct SpatialOptions {
  std::string preset = "room";
  std::optional<double> voxel_size;  ///< metres; default: the preset's
  std::int64_t max_tokens = spatial3d::SpatialReducerOptions{}.max_tokens;
  std::string position = "robust";
  bool no_removal = false;
  double max_distance = spatial3d::VoxelMapOptions{}.max_distance;
  std::int64_t max_age = spatial3d::VoxelMapOptions{}.max_age;
  std::int64_t max_voxels = spatial3d::VoxelMapOptions{}.max_voxels;
  double coverage = spatial3d::SpatialGateOptions{}.coverage_share;
  double refresh = spatial3d::SpatialGateOptions{}.refresh_share;
  double unseen = spatial3d::SpatialGateOptions{}.unseen_share;
  double hysteresis = spatial3d::SpatialGateOptions{}.hysteresis;
  std::string poses = "auto";
  std::optional<double> depth_scale;      ///< units per metre
  std::optional<std::string> intrinsics;  ///< "fx,fy,cx,cy"
  std::optional<std::string> features;    ///< safetensors file

  // Shared with videos, where they mean the same.
  double retain = default_spatial_retain;
  std::optional<std::int64_t> budget;

  /// The one given or the preset's, metres. Throws sluice::Error for an unknown preset.
  [[nodiscard]] double voxel_size_m() const;
  /// The engine's options. Throws sluice::Error naming the option that is out of range.
  [[nodiscard]] spatial3d::SpatialReducerOptions resolve() const;
  [[nodiscard]] PoseChoice pose_choice() const;
  /// Of the colour camera. Throws sluice::Error if the text is not four numbers.
  [[nodiscard]] std::optional<stream::Intrinsics> camera() const;
  /// Every setting as text, under its option's name.
  [[nodiscard]] std::map<std::string, std::string> describe() const;
};

/// Adds all of them but `retain` and `budget`, and returns them.
std::vector<CLI::Option*> add_spatial_options(CLI::App& command, SpatialOptions& options);

}  // namespace sluice::apps

// The border to the module that uses Open3D: plain functions over plain data, and no exceptions.
// Open3D brings along a hundred shared libraries; the module is loaded when it is first needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "stream/source.h"

namespace sluice::stream {

/// A grey image with its depth, both [height,width].
struct DepthView {
  int width = 0, height = 0;
  const float* grey = nullptr;   ///< 0 … 1
  const float* depth = nullptr;  ///< metres; 0: none
};

struct OdometryProblem {
  DepthView from, to;
  Intrinsics intrinsics;            ///< of both, in their pixels
  Pose guess;                       ///< `from` to `to`
  double max_depth = 0;             ///< metres
  double max_depth_difference = 0;  ///< metres, between pixels that may show the same
};

/// Points in space with the normals of their surface.
struct SurfaceView {
  std::size_t points = 0;
  const float* xyz = nullptr;      ///< [points,3] metres, finite
  const float* normals = nullptr;  ///< [points,3] unit length
};

struct AlignmentProblem {
  SurfaceView from, to;
  Pose guess;               ///< `from` to `to`
  double max_distance = 0;  ///< metres, between points that may be the same
  int max_iterations = 0;
};

/// How one view lies to another.
struct ViewMatch {
  bool found = false;  ///< false: no solution, the rest means nothing
  Pose motion{};       ///< `from` to `to`
  double overlap = 0;  ///< share of `from` that has a partner in `to`, 0 … 1
};

/// Each function runs on the calling thread only, so that its result is the same every time. Each
/// returns an empty text, or what went wrong.
struct Open3dBackend {
  const char* version;  ///< of the project that the module was built from
  std::string (*match_images)(const OdometryProblem& problem, ViewMatch& match) noexcept;
  /// xyz [points,3] → normals [points,3], from up to `neighbours` points within `radius` metres;
  /// their signs are arbitrary. `spread`: the smallest eigenvalue of the mean of n·nᵀ, 1/3 if they
  /// point everywhere, 0 if all lie in one plane.
  std::string (*estimate_normals)(const float* xyz, std::size_t points, double radius,
                                  int neighbours, float* normals, double& spread) noexcept;
  std::string (*align)(const AlignmentProblem& problem, ViewMatch& match) noexcept;
};

/// What the module exports, under this name.
inline constexpr const char* open3d_backend_symbol = "sluice_open3d_backend";
using Open3dBackendFunction = const Open3dBackend*() noexcept;

}  // namespace sluice::stream

// What an RGB-D data set consists of, whatever its layout: the files of each frame, and the
// cameras.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stream/depth_image.h"
#include "stream/io/problem_log.h"
#include "stream/source.h"

namespace sluice::stream {

/// One frame's files. Whether they can be read shows later.
struct RgbdFiles {
  std::filesystem::path colour, depth;
  std::int64_t picture = 0;  ///< its place among all colour pictures of the data set
  double pts = 0;            ///< seconds from the first frame
  std::optional<Pose> pose;  ///< camera to world; nothing if it is unknown
};

/// Intrinsics with their origin, for messages. The size of their pictures is 0 where the data set
/// does not say it: then that of the first picture is meant.
struct NamedCamera {
  Camera camera;
  std::string origin;
};

struct RgbdIndex {
  std::filesystem::path folder;
  std::vector<RgbdFiles> frames;  ///< in order of time
  std::int64_t pictures = 0;      ///< colour pictures, those without depth included
  std::int64_t incomplete = 0;    ///< frames left out because a file is missing
  ProblemLog problems;
  DepthEncoding encoding;
  std::optional<NamedCamera> colour_camera;
  std::optional<NamedCamera> published_camera;  ///< used where colour_camera stays unknown
  std::optional<NamedCamera> depth_camera;      ///< nothing: depth is registered to colour
  std::optional<Pose> depth_to_colour;
};

/// Fills what `index` does not know yet of its cameras from files of its folder, where they exist:
///   camera-intrinsics.txt         3×3, of the colour camera, in pixels of the colour pictures
///   camera-intrinsics-depth.txt   3×3, of the depth camera, in pixels of the depth images
///   depth-to-color.txt            4×4, metres, from the depth camera to the colour camera
/// A data set without the last two has depth that is registered to colour, of the same size or
/// another. Throws sluice::Error (kind input), naming the file, for one that makes no sense.
void read_camera_files(RgbdIndex& index);

}  // namespace sluice::stream

// RGB-D recordings with files per frame, as in 7-Scenes, tsdf-fusion and this project's sample:
//   frame-000150.color.png   colour, PNG or JPEG (.png, .jpg, .jpeg)
//   frame-000150.depth.png   16-bit grey, millimetres; 0 and 65535: nothing measured
//   frame-000150.pose.txt    4×4, camera to world, metres
//   camera-intrinsics.txt    and others: see read_camera_files()
#pragma once

#include <filesystem>

#include "stream/io/rgbd_index.h"

namespace sluice::stream {

/// True for such a folder, and for one that has such a folder under the name "rgbd", as
/// `sluice sample` writes it.
[[nodiscard]] bool is_rgbd_folder(const std::filesystem::path& folder);

/// Frames in the order of their numbers, which may start anywhere and have gaps: the frame n is
/// shown at (n − first)/frame_rate seconds. One without colour or depth is left out, counted and
/// noted; one with a pose that is missing, unreadable, not finite or not rigid has none, and that
/// is noted. Throws sluice::Error (kind input) if no frame is complete. Cameras are left
/// to read_camera_files().
[[nodiscard]] RgbdIndex index_rgbd_folder(const std::filesystem::path& folder, double frame_rate);

}  // namespace sluice::stream

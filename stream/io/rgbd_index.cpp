#include "stream/io/rgbd_index.h"

#include <system_error>

#include "stream/io/camera_file.h"

namespace sluice::stream {
namespace {

std::optional<NamedCamera> read_camera(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return NamedCamera{{read_intrinsics(path), 0, 0}, path.string()};
}

}  // namespace

void read_camera_files(RgbdIndex& index) {
  if (!index.colour_camera)
    index.colour_camera = read_camera(index.folder / "camera-intrinsics.txt");
  if (!index.colour_camera) index.colour_camera = index.published_camera;
  if (!index.depth_camera)
    index.depth_camera = read_camera(index.folder / "camera-intrinsics-depth.txt");
  const auto extrinsics = index.folder / "depth-to-color.txt";
  std::error_code ignored;
  if (!index.depth_to_colour && std::filesystem::exists(extrinsics, ignored))
    index.depth_to_colour = read_pose(extrinsics);
}

}  // namespace sluice::stream

#include "stream/open3d/cloud_file.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>
#include <system_error>

#include "kernels/error.h"
#include "stream/open3d/pcd_file.h"
#include "stream/open3d/ply_file.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

std::string read_whole(const fs::path& path) {
  const std::string where = path.string();
  std::error_code error;
  if (!fs::exists(path, error)) throw input_error(where, "no such file", "a PLY or PCD file");
  if (!fs::is_regular_file(path, error))
    throw input_error(where, "is no file", "a PLY or PCD file");
  const auto size = fs::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  if (!error && file) {
    bytes.resize(static_cast<std::size_t>(size));
    file.read(bytes.data(), static_cast<std::streamsize>(size));
  }
  if (error || !file) throw input_error(where, "can't be read", "a PLY or PCD file");
  return bytes;
}

}  // namespace

bool is_cloud_file(const fs::path& path) {
  const std::string extension = lower_extension(path);
  return extension == ".ply" || extension == ".pcd";
}

void read_cloud(const fs::path& path, PointCloud& cloud) {
  cloud.xyz.clear();
  cloud.rgb.clear();
  if (!is_cloud_file(path)) throw input_error(path.string(), "is no point cloud", ".ply or .pcd");
  const std::string bytes = read_whole(path);
  try {
    if (lower_extension(path) == ".ply")
      parse_ply(bytes, path.string(), cloud);
    else
      parse_pcd(bytes, path.string(), cloud);
  } catch (...) {
    cloud.xyz.clear();
    cloud.rgb.clear();
    throw;
  }
}

}  // namespace sluice::stream

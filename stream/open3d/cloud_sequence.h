// Which clouds a recording has, in what order, and when each was taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sluice::stream {

struct CloudEntry {
  std::filesystem::path path;
  double pts = 0;                      ///< seconds since the first
  std::optional<std::int64_t> number;  ///< the last number in its name
  std::optional<double> time_s;        ///< if its name is a time: "1305031102.175304.ply"
};

/// True for a .ply or .pcd file, a folder that holds such, and a glob that ends in .ply or .pcd.
[[nodiscard]] bool is_cloud_input(const std::string& input);

/// A file, a folder or a glob ("scans/*.pcd"). Names are ordered with their numbers as numbers. If
/// all names are times, those are the times; if all have a number and they ascend, number n lies at
/// (n − first)/frame_rate seconds; otherwise the i-th cloud at i/frame_rate. Throws sluice::Error
/// (kind input) if there are none, if a folder holds several series ("left-1.ply right-1.ply …"),
/// and for a frame rate that is not positive.
[[nodiscard]] std::vector<CloudEntry> list_clouds(const std::string& input, double frame_rate);

}  // namespace sluice::stream

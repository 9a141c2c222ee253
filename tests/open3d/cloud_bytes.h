// PLY and PCD files made in memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/open3d/point_cloud.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

template <typename T>
void append_number(std::string& bytes, T value, bool big_endian = false) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes +=
        raw[big_endian == (std::endian::native == std::endian::little) ? sizeof(T) - 1 - i : i];
}

inline stream::PointCloud random_cloud(Random& random, std::int64_t points, bool coloured) {
  stream::PointCloud cloud;
  for (std::int64_t i = 0; i < 3 * points; ++i) {
    cloud.xyz.push_back(static_cast<float>(random.between(-10, 10)));
    if (coloured) cloud.rgb.push_back(static_cast<std::uint8_t>(random.integer(0, 255)));
  }
  return cloud;
}

enum class PlyKind { ascii, little, big };

inline std::string number_text(double value) {
  std::ostringstream out;
  out.precision(9);
  out << value;
  return out.str();
}

/// With a normal before the colour, which readers have to skip.
inline std::string ply_bytes(const stream::PointCloud& cloud, PlyKind kind) {
  const bool coloured = !cloud.rgb.empty();
  constexpr std::array<const char*, 3> names{"ascii", "binary_little_endian", "binary_big_endian"};
  std::string bytes =
      std::string("ply\nformat ") + names[static_cast<std::size_t>(kind)] +
      " 1.0\ncomment made by a test\nelement vertex " + std::to_string(cloud.size()) +
      "\nproperty float x\nproperty float y\nproperty float z\nproperty double nx\n";
  if (coloured) bytes += "property uchar red\nproperty uchar green\nproperty uchar blue\n";
  bytes += "end_header\n";
  for (std::size_t i = 0; i < cloud.xyz.size(); i += 3) {
    if (kind == PlyKind::ascii) {
      for (std::size_t a = 0; a < 3; ++a)
        bytes += number_text(static_cast<double>(cloud.xyz[i + a])) + " ";
      bytes += "0.5";
      for (std::size_t a = 0; a < 3 && coloured; ++a) bytes += concat(" ", int{cloud.rgb[i + a]});
      bytes += "\n";
      continue;
    }
    const bool big = kind == PlyKind::big;
    for (std::size_t a = 0; a < 3; ++a) append_number(bytes, cloud.xyz[i + a], big);
    append_number(bytes, 0.5, big);
    for (std::size_t a = 0; a < 3 && coloured; ++a) append_number(bytes, cloud.rgb[i + a], big);
  }
  return bytes;
}

/// LibLZF's format with literal runs only, but for runs of equal bytes.
inline std::string pack_lzf(const std::string& data) {
  std::string packed;
  for (std::size_t at = 0; at < data.size();) {
    std::size_t run = 1;
    while (at + run < data.size() && data[at + run] == data[at] && run < 200) ++run;
    if (run >= 12) {  // one literal, then a copy of it: length 7 + n + 2, distance 1
      packed += '\0';
      packed += data[at];
      const std::size_t copied = run - 1;
      packed += static_cast<char>(7 << 5);
      packed += static_cast<char>(copied - 9);
      packed += '\0';
      at += run;
      continue;
    }
    const std::size_t length = std::min<std::size_t>(32, data.size() - at);
    packed += static_cast<char>(length - 1);
    packed += data.substr(at, length);
    at += length;
  }
  return packed;
}

enum class PcdKind { ascii, binary, compressed };

/// With an intensity between place and colour, a field of three values in front, and z of another
/// type than x and y (which Open3D reads as 0).
inline std::string pcd_bytes(const stream::PointCloud& cloud, PcdKind kind,
                             bool rgb_as_float = true, bool double_z = true) {
  const bool coloured = !cloud.rgb.empty();
  constexpr std::array<const char*, 3> names{"ascii", "binary", "binary_compressed"};
  std::string bytes = "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\n";
  bytes += std::string("FIELDS normal x y z intensity") + (coloured ? " rgb\n" : "\n");
  bytes += concat("SIZE 4 4 4 ", double_z ? 8 : 4, " 1", coloured ? " 4\n" : "\n");
  bytes += std::string("TYPE F F F F U") + (coloured ? rgb_as_float ? " F\n" : " U\n" : "\n");
  bytes += std::string("COUNT 3 1 1 1 1") + (coloured ? " 1\n" : "\n");
  bytes += "WIDTH " + std::to_string(cloud.size()) +
           "\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS " + std::to_string(cloud.size()) +
           "\nDATA " + names[static_cast<std::size_t>(kind)] + "\n";
  std::array<std::string, 6> columns;
  std::string rows;
  for (std::size_t i = 0; i < cloud.xyz.size(); i += 3) {
    std::array<std::string, 6> fields;
    const auto x = cloud.xyz[i], y = cloud.xyz[i + 1], z = cloud.xyz[i + 2];
    for (int n = 0; n < 3; ++n) append_number(fields[0], 0.25F);
    append_number(fields[1], x);
    append_number(fields[2], y);
    if (double_z)
      append_number(fields[3], static_cast<double>(z));
    else
      append_number(fields[3], z);
    append_number(fields[4], std::uint8_t{7});
    std::uint32_t packed = 0;
    if (coloured) {
      for (std::size_t a = 0; a < 3; ++a) packed = (packed << 8) | cloud.rgb[i + a];
      append_number(fields[5], packed);
    }
    if (kind == PcdKind::ascii) {
      rows += "0.25 0.25 0.25 " + number_text(static_cast<double>(x)) + " " +
              number_text(static_cast<double>(y)) + " " + number_text(static_cast<double>(z)) +
              " 7";
      if (coloured)
        rows += concat(" ", rgb_as_float
                                ? number_text(static_cast<double>(std::bit_cast<float>(packed)))
                                : std::to_string(packed));
      rows += "\n";
    }
    for (std::size_t f = 0; f < 6; ++f) {
      columns[f] += fields[f];
      if (kind == PcdKind::binary) rows += fields[f];
    }
  }
  if (kind == PcdKind::compressed) {
    std::string data;
    for (const std::string& column : columns) data += column;
    const std::string packed = pack_lzf(data);
    append_number(bytes, static_cast<std::uint32_t>(packed.size()));
    append_number(bytes, static_cast<std::uint32_t>(data.size()));
    return bytes + packed;
  }
  return bytes + rows;
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace sluice::test

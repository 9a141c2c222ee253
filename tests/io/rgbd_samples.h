// Small RGB-D data sets with exactly known contents.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "stream/io/image_writer.h"
#include "stream/pose.h"
#include "tests/io/clip_maker.h"
#include "tests/io/temporary_folder.h"

namespace sluice::test {

/// Without waiting for the disk, as write_file() does.
inline void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  write_bytes(path, std::vector<char>(bytes.begin(), bytes.end()));
}

inline void write_text(const std::string& path, const std::string& text) {
  write_bytes(path, std::vector<char>(text.begin(), text.end()));
}

/// A picture that read_number() reads as `number`.
inline stream::Image numbered_picture(int width, int height, int number) {
  stream::Image image;
  image.resize(width, height);
  paint_number(image, number);
  return image;
}

inline void write_picture(const std::string& path, int width, int height, int number) {
  const stream::Image image = numbered_picture(width, height, number);
  stream::write_file(
      path, path.ends_with(".png") ? stream::encode_png(image) : stream::encode_jpeg(image, 95));
}

using DepthPainter = std::function<std::uint16_t(int x, int y)>;

inline void write_depth(const std::string& path, int width, int height, const DepthPainter& paint) {
  std::vector<std::uint16_t> values;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) values.push_back(paint(x, y));
  write_bytes(path, stream::encode_png(values, width, height));
}

inline std::string matrix_text(const stream::Pose& pose) {
  std::string text;
  for (std::size_t i = 0; i < pose.size(); ++i) {
    char number[40];
    std::snprintf(number, sizeof number, " %.17g%s", pose[i], i % 4 == 3 ? "\n" : "");
    text += number;
  }
  return text;
}

inline stream::Pose pose_at(double x, double y, double z) {
  stream::Pose pose = stream::identity_pose();
  pose[3] = x;
  pose[7] = y;
  pose[11] = z;
  return pose;
}

inline std::string frame_name(int number, const std::string& part) {
  char name[64];
  std::snprintf(name, sizeof name, "frame-%06d.%s", number, part.c_str());
  return name;
}

/// A folder with files per frame: 64×48 pixels, the frame's number in the picture, depth 1000 mm
/// plus the frame's number, and a pose at x = number/100.
class RgbdFolder {
 public:
  static constexpr int width = 64, height = 48;

  RgbdFolder() { intrinsics("60 0 31.5\n0 60 23.5\n0 0 1\n"); }
  explicit RgbdFolder(const std::vector<int>& numbers) : RgbdFolder() {
    for (const int number : numbers) add(number);
  }

  void add(int number) {
    write_picture(file(number, "color.png"), width, height, number);
    write_depth(file(number, "depth.png"), width, height,
                [number](int, int) { return static_cast<std::uint16_t>(1000 + number); });
    write_text(file(number, "pose.txt"), matrix_text(pose_at(number / 100.0, 0, 0)));
  }
  void intrinsics(const std::string& text) { write_text(file("camera-intrinsics.txt"), text); }
  void remove(int number, const std::string& part) const {
    std::filesystem::remove(file(number, part));
  }

  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] std::string file(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::string file(int number, const std::string& part) const {
    return file(frame_name(number, part));
  }

 private:
  TemporaryFolder folder_;
};

/// Leaves the first `share` of the file.
inline void cut_short(const std::string& path, double share) {
  std::vector<char> bytes = read_bytes(path);
  bytes.resize(static_cast<std::size_t>(static_cast<double>(bytes.size()) * share));
  write_bytes(path, bytes);
}

}  // namespace sluice::test

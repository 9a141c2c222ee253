// Makes small video files with exactly known contents, time stamps and oddities.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stream/io/image.h"

namespace sluice::test {

struct ClipOptions {
  int width = 64;
  int height = 48;
  std::string codec = "ffv1";         ///< FFmpeg's name; ffv1 is lossless
  std::string pixel_format = "bgr0";  ///< as the codec gets it
  int ticks_per_second = 1000;
  std::vector<std::int64_t> pts{};  ///< [frames] in ticks
  int rotation_degrees = 0;         ///< clockwise, as a display matrix
  bool mirrored = false;            ///< left to right, before the rotation
  bool full_range = false;
  int key_frame_interval = 12;
  int b_frames = 0;
};

using Painter = std::function<void(stream::Image&, int frame)>;

/// Time stamps of `frames` frames, `step` ticks apart.
[[nodiscard]] std::vector<std::int64_t> steady(int frames, std::int64_t step);

/// Writes the clip; the container follows from the file's extension. Throws std::runtime_error if
/// FFmpeg can't.
void make_clip(const std::string& path, const ClipOptions& options, const Painter& paint);

[[nodiscard]] bool has_encoder(const std::string& name);

/// Paints the frame's number as 10 vertical bars, black for 0 and white for 1, lowest bit first.
void paint_number(stream::Image& image, int frame);
/// Reads it back, out of a picture of any size.
[[nodiscard]] int read_number(const stream::Image& image);

[[nodiscard]] std::vector<char> read_bytes(const std::string& path);
void write_bytes(const std::string& path, const std::vector<char>& bytes);

}  // namespace sluice::test

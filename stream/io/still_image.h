// Reads still pictures that must be whole: colour, and raw 16-bit depth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "stream/io/image.h"

namespace sluice::stream {

/// A depth image as its file has it.
struct RawDepth {
  int width = 0;
  int height = 0;
  int bits = 16;                      ///< per pixel in the file: 8 or 16
  std::vector<std::uint16_t> values;  ///< [height, width], row-major
};

/// Unlike VideoReader, which makes the best of a damaged picture, this refuses it: half a depth
/// image would be taken for geometry. Pixels come as they are stored; an EXIF orientation is
/// ignored, because intrinsics belong to the stored pixels.
class StillImageReader {
 public:
  StillImageReader();
  StillImageReader(StillImageReader&&) noexcept;
  StillImageReader& operator=(StillImageReader&&) noexcept;
  ~StillImageReader();

  /// A PNG or JPEG as 8-bit RGB, transparent pixels laid over black. Both functions reuse the
  /// memory they are given, and throw sluice::Error naming the file: kind input for one that is
  /// missing, empty, something else, cut short or damaged.
  void read(const std::filesystem::path& path, Image& image);
  /// A grey PNG of 16 bits (or 8). Any other is an error: colours are no depth.
  void read(const std::filesystem::path& path, RawDepth& depth);

 private:
  struct Decoder;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace sluice::stream

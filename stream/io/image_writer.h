// Encodes still pictures: PNG without loss, JPEG for thumbnails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "stream/io/image.h"

namespace sluice::stream {

/// 8-bit RGB PNG. All encoders here throw sluice::Error: kind input for an empty picture or one
/// whose size does not match its pixels, kind system if FFmpeg lacks the encoder. The same picture
/// always gives the same bytes.
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

/// 8-bit grey PNG of values [height,width], row-major: masks.
[[nodiscard]] std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> values, int width,
                                                   int height);

/// 16-bit grey PNG of values [height,width], row-major: depth in millimetres.
[[nodiscard]] std::vector<std::uint8_t> encode_png(std::span<const std::uint16_t> values, int width,
                                                   int height);

/// JPEG, 4:2:0. `quality` 1 (small) to 100 (good), on about the usual scale.
[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality = 85);

/// Writes `bytes` to a temporary file beside `path` and renames it, so that `path` is never half
/// written. Throws sluice::Error: kind input if it can't be created there, kind system if the disk
/// is full; `path` is then as before.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

}  // namespace sluice::stream

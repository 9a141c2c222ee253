#include "stream/io/libav/orientation.h"

extern "C" {
#include <libavutil/dict.h>
}

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sluice::stream::libav {
namespace {

/// Orientation 1 … 8 of the EXIF standard.
constexpr std::array<Orientation, 8> exif_orientations{{
    {1, 0, 0, 1},    // upright
    {-1, 0, 0, 1},   // mirrored left to right
    {-1, 0, 0, -1},  // turned by 180°
    {1, 0, 0, -1},   // mirrored top to bottom
    {0, 1, 1, 0},    // transposed
    {0, -1, 1, 0},   // to be turned by 90° clockwise
    {0, -1, -1, 0},  // transposed over the other diagonal
    {0, 1, -1, 0},   // to be turned by 270° clockwise
}};

/// The 3×3 matrix of libavutil/display.h, whose upper left 2×2 part maps (x, y) as row vector.
std::optional<Orientation> from_display_matrix(const std::uint8_t* bytes) {
  std::array<std::int32_t, 9> matrix{};
  std::memcpy(matrix.data(), bytes, sizeof matrix);
  const std::array<double, 4> part{static_cast<double>(matrix[0]), static_cast<double>(matrix[3]),
                                   static_cast<double>(matrix[1]), static_cast<double>(matrix[4])};
  double largest = 0;
  for (const double value : part) largest = std::max(largest, std::abs(value));
  if (largest == 0) return Orientation{};
  std::array<int, 4> sign{};
  for (std::size_t i = 0; i < part.size(); ++i) {
    const double share = part[i] / largest;
    if (std::abs(share) > 0.999) {
      sign[i] = share > 0 ? 1 : -1;
    } else if (std::abs(share) > 0.001) {
      return std::nullopt;
    }
  }
  const Orientation orientation{sign[0], sign[1], sign[2], sign[3]};
  const bool straight = sign[0] * sign[3] != 0 && sign[1] == 0 && sign[2] == 0;
  const bool turned = sign[1] * sign[2] != 0 && sign[0] == 0 && sign[3] == 0;
  return straight || turned ? std::optional(orientation) : std::nullopt;
}

}  // namespace

int Orientation::degrees() const noexcept {
  if (xx == 1) return 0;
  if (xx == -1) return 180;
  return yx == 1 ? 90 : 270;
}

std::optional<Orientation> find_orientation(const AVStream& stream, const AVFrame& frame) {
  std::size_t size = 0;
  const std::uint8_t* matrix = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (matrix != nullptr && size >= 9 * sizeof(std::int32_t)) return from_display_matrix(matrix);
  const AVFrameSideData* side = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  if (side != nullptr && side->size >= 9 * sizeof(std::int32_t)) {
    return from_display_matrix(side->data);
  }
  if (const AVDictionaryEntry* tag = av_dict_get(frame.metadata, "Orientation", nullptr, 0)) {
    const long value = std::strtol(tag->value, nullptr, 10);
    if (value >= 1 && value <= 8) return exif_orientations[static_cast<std::size_t>(value - 1)];
  }
  return Orientation{};
}

}  // namespace sluice::stream::libav

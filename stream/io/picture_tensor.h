// Pictures as the numbers that vision models take.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/tensor.h"
#include "stream/io/image.h"

namespace sluice::stream {

enum class PixelLayout { channels_first, channels_last };

/// (value / 255 − mean) / std, per channel: red, green, blue.
struct PixelNormalization {
  std::array<double, 3> mean{0, 0, 0};
  std::array<double, 3> std{1, 1, 1};
};

/// What the published models were trained with: "siglip" (0.5 / 0.5), "clip", "dinov2" (ImageNet's)
/// or "none", which leaves 0 to 1. Throws sluice::Error naming `where` for any other.
[[nodiscard]] PixelNormalization normalization_preset(std::string_view name,
                                                      std::string_view where);

/// From texts such as "0.5, 0.5, 0.5" or "[0.485,0.456,0.406]": the values that a model's
/// preprocessor has under image_mean and image_std. Throws sluice::Error naming `where`.
[[nodiscard]] PixelNormalization parse_normalization(std::string_view mean, std::string_view std,
                                                     std::string_view where);

/// Writes pictures into tensors: one table look-up per value.
class PictureFiller {
 public:
  explicit PictureFiller(const PixelNormalization& normalization);
  /// image [H,W,3] → tensor [3,H,W] or [H,W,3] of f32, f16 or bf16, which has room for it.
  void fill(const Image& image, PixelLayout layout, kernels::DType dtype, void* tensor) const;

 private:
  template <typename T>
  void fill_as(const Image& image, PixelLayout layout, T* tensor) const;

  std::array<std::array<float, 256>, 3> values_;
};

}  // namespace sluice::stream

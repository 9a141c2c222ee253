#include "stream/io/picture_tensor.h"

#include <cmath>

#include "kernels/error.h"
#include "stream/io/text_numbers.h"

namespace sluice::stream {
namespace {

std::optional<std::array<double, 3>> parse_three(std::string_view text) {
  std::string spaced(text);
  for (char& c : spaced)
    if (c == ',' || c == '[' || c == ']') c = ' ';
  const auto words = split_words(spaced);
  std::array<double, 3> values{};
  if (words.size() != values.size()) return std::nullopt;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = parse_number(words[i]);
    if (!value || !std::isfinite(*value)) return std::nullopt;
    values[i] = *value;
  }
  return values;
}

template <typename T>
T stored(float value) {
  if constexpr (std::is_same_v<T, kernels::Half>) {
    return kernels::to_half(value);
  } else if constexpr (std::is_same_v<T, kernels::Bfloat16>) {
    return kernels::to_bfloat16(value);
  } else {
    return value;
  }
}

}  // namespace

PixelNormalization normalization_preset(std::string_view name, std::string_view where) {
  if (name == "siglip") return {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
  if (name == "clip")
    return {{0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};
  if (name == "dinov2") return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  if (name == "none") return {};
  throw input_error(where, concat('"', name, '"'), "auto, siglip, clip, dinov2 or none");
}

PixelNormalization parse_normalization(std::string_view mean, std::string_view std,
                                       std::string_view where) {
  const auto means = parse_three(mean);
  if (!means)
    throw input_error(where, concat("image_mean is \"", mean, '"'), "three numbers: 0.5, 0.5, 0.5");
  const auto deviations = parse_three(std);
  const bool valid =
      deviations && (*deviations)[0] > 0 && (*deviations)[1] > 0 && (*deviations)[2] > 0;
  if (!valid)
    throw input_error(where, concat("image_std is \"", std, '"'),
                      "three numbers above 0: 0.5, 0.5, 0.5");
  return {*means, *deviations};
}

PictureFiller::PictureFiller(const PixelNormalization& normalization) {
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t value = 0; value < 256; ++value)
      values_[channel][value] =
          static_cast<float>((static_cast<double>(value) / 255 - normalization.mean[channel]) /
                             normalization.std[channel]);
}

void PictureFiller::fill(const Image& image, PixelLayout layout, kernels::DType dtype,
                         void* tensor) const {
  switch (dtype) {
    case kernels::DType::f32: return fill_as(image, layout, static_cast<float*>(tensor));
    case kernels::DType::f16: return fill_as(image, layout, static_cast<kernels::Half*>(tensor));
    case kernels::DType::bf16:
      return fill_as(image, layout, static_cast<kernels::Bfloat16*>(tensor));
    default:
      throw input_error("picture", concat("as ", kernels::name(dtype)), "f32, f16 or bf16 numbers");
  }
}

template <typename T>
void PictureFiller::fill_as(const Image& image, PixelLayout layout, T* tensor) const {
  const std::size_t pixels = image.rgb.size() / 3;
  const bool first = layout == PixelLayout::channels_first;
  const std::size_t pixel_step = first ? 1 : 3;
  const std::size_t channel_step = first ? pixels : 1;
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::uint8_t* from = image.rgb.data() + channel;
    T* to = tensor + channel * channel_step;
    for (std::size_t i = 0; i < pixels; ++i, from += 3, to += pixel_step)
      *to = stored<T>(values_[channel][*from]);
  }
}

}  // namespace sluice::stream

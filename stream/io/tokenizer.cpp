#include "stream/io/tokenizer.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/error.h"
#include "kernels/patch_descriptor.h"
#include "stream/io/libav/picture_converter.h"

namespace sluice::stream {
namespace {

constexpr int largest_side = 16384;
constexpr double default_patch_side = 384.0 / 14;

int working_side(int wanted, int patches) {
  if (wanted != 0) return wanted;
  return static_cast<int>(std::lround(patches * default_patch_side));
}

void require_picture(const Image& image) {
  const bool fits = image.width > 0 && image.height > 0 &&
                    image.rgb.size() == static_cast<std::size_t>(image.width) *
                                            static_cast<std::size_t>(image.height) * 3;
  if (!fits) {
    throw input_error("tokenizer",
                      concat("a picture of ", image.width, "x", image.height, " pixels with ",
                             image.rgb.size(), " bytes"),
                      "three bytes per pixel, and at least one pixel");
  }
}

}  // namespace

TokenizerOptions resolved(const TokenizerOptions& options) {
  constexpr int most_patches = largest_side / kernels::patch_descriptor_cells;
  if (options.grid_rows < 1 || options.grid_cols < 1 || options.grid_rows > most_patches ||
      options.grid_cols > most_patches) {
    throw input_error("tokenizer", concat("grid ", options.grid_rows, "x", options.grid_cols),
                      concat("1 to ", most_patches, " rows and columns"));
  }
  TokenizerOptions result = options;
  result.working_width = working_side(options.working_width, options.grid_cols);
  result.working_height = working_side(options.working_height, options.grid_rows);
  const auto usable = [](int side, int patches) {
    return side <= largest_side && side / patches >= kernels::patch_descriptor_cells;
  };
  if (!usable(result.working_width, result.grid_cols) ||
      !usable(result.working_height, result.grid_rows)) {
    throw input_error(
        "tokenizer",
        concat("grid ", result.grid_rows, "x", result.grid_cols, " on a working size of ",
               result.working_width, "x", result.working_height),
        concat("patches of at least 8x8 pixels, and sides up to ", largest_side));
  }
  return result;
}

/// Scales through FFmpeg. Its input is copied into a frame of FFmpeg's own, because swscale may
/// read past the ends of rows.
struct Tokenizer::Scaler {
  libav::PictureConverter converter;
  libav::FrameHandle input;
  Image output;

  const Image& scale(const Image& image, int width, int height);

 private:
  void copy_in(const Image& image);
};

const Image& Tokenizer::Scaler::scale(const Image& image, int width, int height) {
  copy_in(image);
  converter.convert(*input, libav::Orientation{}, width, height, output);
  return output;
}

void Tokenizer::Scaler::copy_in(const Image& image) {
  if (!input || input->width != image.width || input->height != image.height) {
    input = libav::make_frame();
    input->width = image.width;
    input->height = image.height;
    input->format = AV_PIX_FMT_RGB24;
    if (av_frame_get_buffer(input.get(), 64) < 0) {
      throw system_error("tokenizer", concat("out of memory for a picture of ", image.width, "x",
                                             image.height, " pixels"));
    }
  }
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * 3;
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = input->data[0] + static_cast<std::ptrdiff_t>(y) * input->linesize[0];
    std::memcpy(row, image.pixel(0, y), row_bytes);
  }
}

Tokenizer::Tokenizer(const TokenizerOptions& options)
    : options_(resolved(options)), scaler_(std::make_unique<Scaler>()) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Source Tokenizer::source(const std::string& id, int image_width, int image_height) const {
  Source source;
  source.id = id;
  source.grid_rows = options_.grid_rows;
  source.grid_cols = options_.grid_cols;
  source.image_width = image_width;
  source.image_height = image_height;
  source.feature_width = kernels::patch_descriptor_width;
  return source;
}

void Tokenizer::tokenize(const Image& image, kernels::Tensor& features) {
  require_picture(image);
  const bool fits =
      image.width == options_.working_width && image.height == options_.working_height;
  const Image& picture =
      fits ? image : scaler_->scale(image, options_.working_width, options_.working_height);
  features.reshape(kernels::DType::f32, {std::int64_t{options_.grid_rows} * options_.grid_cols,
                                         kernels::patch_descriptor_width});
  kernels::describe_patches(picture.rgb, picture.width, picture.height, options_.grid_rows,
                            options_.grid_cols, features.as<float>());
}

}  // namespace sluice::stream

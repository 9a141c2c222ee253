#include "stream/io/encoder.h"

#include <cstddef>
#include <cstring>
#include <vector>

#include "kernels/error.h"
#include "stream/io/onnx/model_session.h"
#include "stream/io/onnx/vision_model.h"
#include "stream/io/picture_tensor.h"
#include "stream/io/text_numbers.h"
#include "stream/io/token_layout.h"

namespace sluice::stream {
namespace {

constexpr int largest_side = 4096;
constexpr int largest_batch = 256;

struct PictureSize {
  int width = 0, height = 0;
};

PixelNormalization normalization_of(const onnx::ModelSession& session, const std::string& preset) {
  if (preset != "auto") return normalization_preset(preset, "--encoder-preset");
  const auto mean = session.metadata("image_mean");
  const auto deviation = session.metadata("image_std");
  if (!mean || !deviation)
    throw input_error(session.model(), "does not say how its pixels are scaled",
                      "--encoder-preset siglip, clip, dinov2 or none; or image_mean and image_std "
                      "in the model's metadata");
  return parse_normalization(*mean, *deviation, session.model());
}

/// "384" or "224, 336" (height and width, as preprocessors have them).
std::optional<PictureSize> size_in_metadata(const onnx::ModelSession& session) {
  auto text = session.metadata("image_size");
  if (!text) return std::nullopt;
  for (char& c : *text)
    if (c == ',' || c == '[' || c == ']') c = ' ';
  std::vector<int> sides;
  for (const auto word : split_words(*text)) {
    const auto side = parse_number(word);
    const bool valid = side && *side >= 1 && *side <= largest_side;
    if (!valid) sides.clear();
    if (!valid) break;
    sides.push_back(static_cast<int>(*side));
  }
  if (sides.size() != 1 && sides.size() != 2)
    throw input_error(session.model(), concat("its image_size is \"", *text, '"'),
                      concat("one side, or height and width, up to ", largest_side));
  return PictureSize{sides.back(), sides.front()};
}

PictureSize picture_size(const onnx::PictureInput& input, const onnx::ModelSession& session,
                         const EncoderOptions& options) {
  PictureSize size{options.width, options.height};
  if (size.width == 0 && (input.width < 0 || input.height < 0)) {
    const auto stated = size_in_metadata(session);
    if (stated) size = *stated;
  }
  const auto resolve = [&](int& side, std::int64_t own, const char* which) {
    if (own > 0 && side != 0 && side != own)
      throw input_error("--size", concat("a ", which, " of ", side),
                        concat(own, ", which ", session.model(), " is made for"));
    if (own > 0) side = own <= largest_side ? static_cast<int>(own) : largest_side + 1;
    if (side == 0)
      throw input_error(session.model(), "takes pictures of any size", "--size width,height");
    if (side < 0 || side > largest_side)
      throw input_error(session.model(), concat("pictures with a ", which, " of ", side),
                        concat("1 to ", largest_side, " pixels"));
  };
  resolve(size.width, input.width, "width");
  resolve(size.height, input.height, "height");
  return size;
}

int batch_size(const onnx::PictureInput& input, const std::string& model, int wanted) {
  if (wanted < 0 || wanted > largest_batch)
    throw input_error("--encoder-batch", std::to_string(wanted), concat("1 to ", largest_batch));
  if (input.batch < 0) return wanted == 0 ? 1 : wanted;
  if (input.batch < 1 || input.batch > largest_batch)
    throw input_error(model, concat("takes ", input.batch, " pictures at once"),
                      concat("1 to ", largest_batch));
  if (wanted != 0 && wanted != input.batch)
    throw input_error("--encoder-batch", std::to_string(wanted),
                      concat(input.batch, ", which ", model, " is made for"));
  return static_cast<int>(input.batch);
}

/// [D, S] → [S, D].
template <typename T>
void transpose(const T* from, std::int64_t positions, std::int64_t width, T* to) {
  for (std::int64_t d = 0; d < width; ++d)
    for (std::int64_t i = 0; i < positions; ++i) to[i * width + d] = *from++;
}

}  // namespace

class Encoder::Implementation {
 public:
  Implementation(const std::string& model, const EncoderOptions& options)
      : session_(options.runtime, model, options.threads),
        input_(onnx::find_picture_input(session_.inputs(), model)),
        size_(picture_size(input_, session_, options)),
        batch_(batch_size(input_, model, options.batch)),
        filler_(normalization_of(session_, options.preset)) {
    names_.push_back(onnx::find_feature_output(session_.outputs(), options.output, model));
    if (auto name = onnx::find_attention_output(session_.outputs(), options.attention, model))
      names_.push_back(std::move(*name));
    pictures_.reshape(input_.dtype, picture_shape(batch_));
    std::memset(pictures_.data(), 0, pictures_.byte_size());
    learn_layout(options);
  }

  [[nodiscard]] const PictureSize& size() const noexcept { return size_; }
  [[nodiscard]] int batch() const noexcept { return batch_; }
  [[nodiscard]] bool has_attention() const noexcept { return names_.size() > 1; }
  [[nodiscard]] const TokenLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] const std::string& runtime_version() const noexcept {
    return session_.runtime_version();
  }

  void load(int slot, const Image& image) {
    const std::size_t bytes = pictures_.byte_size() / static_cast<std::size_t>(batch_);
    const auto place = static_cast<std::size_t>(slot) * bytes;
    const std::size_t values =
        3 * static_cast<std::size_t>(size_.width) * static_cast<std::size_t>(size_.height);
    const bool fits = slot >= 0 && slot < batch_ && image.width == size_.width &&
                      image.height == size_.height && image.rgb.size() == values;
    if (!fits)
      throw input_error("encoder", concat("picture ", slot, " of ", image.width, "x", image.height),
                        concat(batch_, " pictures of ", size_.width, "x", size_.height));
    filler_.fill(image, input_.layout, input_.dtype,
                 static_cast<std::byte*>(pictures_.data()) + place);
  }

  void run(int count);
  void take(int slot, FeatureFrame& frame) const;

 private:
  [[nodiscard]] kernels::Shape picture_shape(std::int64_t count) const {
    if (input_.layout == PixelLayout::channels_first) return {count, 3, size_.height, size_.width};
    return {count, size_.height, size_.width, 3};
  }
  [[nodiscard]] std::string where(std::size_t output) const {
    return concat(session_.model(), ", output ", names_[output]);
  }
  void learn_layout(const EncoderOptions& options);
  /// The first axis counts pictures, and the others are as they were in the first run.
  void require_same_shapes(std::int64_t count) const;

  onnx::ModelSession session_;
  onnx::PictureInput input_;
  PictureSize size_;
  int batch_;
  PictureFiller filler_;
  std::vector<std::string> names_;  ///< of the features; and of the attention, if any
  kernels::Tensor pictures_;        ///< [batch, 3, height, width] or [batch, height, width, 3]
  TokenLayout layout_;
  AttentionLayout attention_;
  std::vector<kernels::Shape> shapes_;        ///< of the outputs in the first run
  std::vector<kernels::TensorView> results_;  ///< of the last run
};

void Encoder::Implementation::learn_layout(const EncoderOptions& options) {
  results_ = session_.run(input_.name, pictures_, names_);
  for (const auto& result : results_) shapes_.push_back(result.shape());
  layout_ =
      deduce_layout(shapes_[0], size_.width, size_.height, options.grid, options.prefix, where(0));
  if (has_attention()) attention_ = attention_layout(shapes_[1], layout_, where(1));
  require_same_shapes(batch_);
}

void Encoder::Implementation::require_same_shapes(std::int64_t count) const {
  for (std::size_t i = 0; i < results_.size(); ++i) {
    const auto is = results_[i].shape().extents();
    const auto was = shapes_[i].extents();
    bool same = is.size() == was.size() && is[0] == count;
    for (std::size_t axis = 1; same && axis < was.size(); ++axis) same = is[axis] == was[axis];
    if (!same)
      throw input_error(
          where(i), concat("is ", results_[i].shape().to_string()),
          concat(count, " pictures in the first axis, the others as in ", shapes_[i].to_string()));
  }
}

void Encoder::Implementation::run(int count) {
  if (count < 1 || count > batch_)
    throw input_error("encoder", concat("a run of ", count, " pictures"), concat("1 to ", batch_));
  // A model with a fixed batch computes what is left in the other slots, too.
  const std::int64_t pictures = input_.batch > 0 ? batch_ : count;
  const kernels::TensorView all(pictures_.data(), input_.dtype, picture_shape(pictures));
  results_ = session_.run(input_.name, all, names_);
  require_same_shapes(pictures);
}

void Encoder::Implementation::take(int slot, FeatureFrame& frame) const {
  const kernels::TensorView features = results_[0][slot];
  const std::int64_t positions = layout_.positions();
  frame.features.reshape(features.dtype(), {positions, layout_.width});
  if (!layout_.is_map) {
    std::memcpy(frame.features.data(), features.row(layout_.prefix), frame.features.byte_size());
  } else if (features.dtype() == kernels::DType::f32) {
    transpose(static_cast<const float*>(features.data()), positions, layout_.width,
              static_cast<float*>(frame.features.data()));
  } else {
    transpose(static_cast<const std::uint16_t*>(features.data()), positions, layout_.width,
              static_cast<std::uint16_t*>(frame.features.data()));
  }
  frame.attention = has_attention() ? std::move(frame.attention) : kernels::Tensor();
  if (!has_attention()) return;
  frame.attention.reshape(kernels::DType::f32, {positions});
  attention_received(results_[1][slot], attention_, frame.attention.as<float>());
}

Encoder::Encoder(const std::string& model, const EncoderOptions& options)
    : implementation_(std::make_unique<Implementation>(model, options)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

int Encoder::width() const noexcept {
  return implementation_->size().width;
}
int Encoder::height() const noexcept {
  return implementation_->size().height;
}
int Encoder::batch() const noexcept {
  return implementation_->batch();
}
bool Encoder::has_attention() const noexcept {
  return implementation_->has_attention();
}
const std::string& Encoder::runtime_version() const noexcept {
  return implementation_->runtime_version();
}

Source Encoder::source(const std::string& id, int image_width, int image_height) const {
  const TokenLayout& layout = implementation_->layout();
  Source source;
  source.id = id;
  source.grid_rows = layout.grid.rows;
  source.grid_cols = layout.grid.cols;
  source.image_width = image_width;
  source.image_height = image_height;
  source.feature_width = static_cast<std::int32_t>(layout.width);
  return source;
}

void Encoder::load(int slot, const Image& image) {
  implementation_->load(slot, image);
}
void Encoder::run(int count) {
  implementation_->run(count);
}
void Encoder::take(int slot, FeatureFrame& frame) const {
  implementation_->take(slot, frame);
}

}  // namespace sluice::stream

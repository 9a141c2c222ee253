// Which of a vision model's inputs and outputs are the picture, the features and the attention.
// Private.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "stream/io/onnx/model_session.h"
#include "stream/io/picture_tensor.h"

namespace sluice::stream::onnx {

struct PictureInput {
  std::string name;
  kernels::DType dtype = kernels::DType::f32;  ///< or f16, bf16
  PixelLayout layout = PixelLayout::channels_first;
  std::int64_t batch = -1, height = -1, width = -1;  ///< −1: the model takes any
};

// All of these throw sluice::Error (kind input), naming `model` and what it has, if nothing fits or
// several do.

/// The model's one input, [N,3,H,W] or [N,H,W,3]; channels come first if the export leaves that
/// open.
[[nodiscard]] PictureInput find_picture_input(std::span<const TensorDeclaration> inputs,
                                              std::string_view model);

/// The output called `wanted`; else the only one of [N,T,D] or [N,D,h,w] that does not look like
/// attention; else, of several, the one with the most usual name (last_hidden_state,
/// image_features …).
[[nodiscard]] std::string find_feature_output(std::span<const TensorDeclaration> outputs,
                                              const std::optional<std::string>& wanted,
                                              std::string_view model);

/// The output called `wanted`, or nothing for "none"; else the only one with "attn" or "attention"
/// in its name; else, of several, the one whose name ends with the highest number: the last layer.
/// Nothing if there is none.
[[nodiscard]] std::optional<std::string> find_attention_output(
    std::span<const TensorDeclaration> outputs, const std::optional<std::string>& wanted,
    std::string_view model);

}  // namespace sluice::stream::onnx

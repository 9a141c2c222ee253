#include "stream/io/onnx/vision_model.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream::onnx {
namespace {

using Declarations = std::vector<const TensorDeclaration*>;

const TensorDeclaration& named(std::span<const TensorDeclaration> outputs, const std::string& name,
                               std::string_view option, std::string_view model) {
  for (const auto& output : outputs)
    if (output.name == name) return output;
  throw input_error(option, concat('"', name, "\" is no output of ", model),
                    concat("one of: ", to_string(outputs)));
}

bool looks_like_attention(const TensorDeclaration& output) {
  std::string name = output.name;
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("attn") != std::string::npos || name.find("attention") != std::string::npos;
}

bool holds_tokens(const TensorDeclaration& output) {
  const std::size_t rank = output.shape.size();
  return output.dtype && (rank == 3 || rank == 4) && !looks_like_attention(output);
}

bool holds_attention(const TensorDeclaration& output) {
  const std::size_t rank = output.shape.size();
  return output.dtype && rank >= 2 && rank <= 4 && looks_like_attention(output);
}

template <typename Predicate>
Declarations filter(std::span<const TensorDeclaration> outputs, Predicate wanted) {
  Declarations found;
  for (const auto& output : outputs)
    if (wanted(output)) found.push_back(&output);
  return found;
}

/// "attentions.11" → 11; −1 for a name that ends otherwise.
int number_at_end(const std::string& name) {
  std::size_t begin = name.size();
  while (begin > 0 && std::isdigit(static_cast<unsigned char>(name[begin - 1])) != 0) --begin;
  int number = -1;
  std::from_chars(name.data() + begin, name.data() + name.size(), number);
  return number;
}

}  // namespace

PictureInput find_picture_input(std::span<const TensorDeclaration> inputs, std::string_view model) {
  const std::string expected = concat("one picture, f32, f16 or bf16 [N, 3, H, W] or [N, H, W, 3]");
  if (inputs.size() != 1)
    throw input_error(model, concat("its inputs are ", to_string(inputs)), expected);
  const TensorDeclaration& input = inputs.front();
  const auto fits = [](std::int64_t extent) { return extent == 3 || extent == -1; };
  const bool is_picture =
      input.dtype && input.shape.size() == 4 && (fits(input.shape[1]) || fits(input.shape[3]));
  if (!is_picture) throw input_error(model, concat("its input is ", to_string(input)), expected);

  const bool channels_last = input.shape[1] != 3 && (input.shape[3] == 3 || input.shape[1] != -1);
  PictureInput picture;
  picture.name = input.name;
  picture.dtype = *input.dtype;
  picture.layout = channels_last ? PixelLayout::channels_last : PixelLayout::channels_first;
  picture.batch = input.shape[0];
  picture.height = input.shape[channels_last ? 1 : 2];
  picture.width = input.shape[channels_last ? 2 : 3];
  return picture;
}

std::string find_feature_output(std::span<const TensorDeclaration> outputs,
                                const std::optional<std::string>& wanted, std::string_view model) {
  if (wanted) return named(outputs, *wanted, "--encoder-output", model).name;
  const Declarations found = filter(outputs, holds_tokens);
  if (found.size() == 1) return found.front()->name;
  constexpr std::array<std::string_view, 6> usual{"last_hidden_state", "image_features",
                                                  "patch_features",    "x_norm_patchtokens",
                                                  "features",          "hidden_states"};
  for (const auto name : usual)
    for (const auto* output : found)
      if (output->name == name) return output->name;
  throw input_error(model,
                    concat("its outputs are ", to_string(outputs), "; ", found.size(),
                           " of them could be features of patches"),
                    "one f32, f16 or bf16 output [N, tokens, D] or [N, D, rows, columns], or its "
                    "name with --encoder-output");
}

std::optional<std::string> find_attention_output(std::span<const TensorDeclaration> outputs,
                                                 const std::optional<std::string>& wanted,
                                                 std::string_view model) {
  if (wanted == "none") return std::nullopt;
  if (wanted) return named(outputs, *wanted, "--encoder-attention", model).name;
  const Declarations found = filter(outputs, holds_attention);
  if (found.empty()) return std::nullopt;
  const auto before = [](const auto* a, const auto* b) {
    return number_at_end(a->name) < number_at_end(b->name);
  };
  const auto last = std::ranges::max_element(found, before);
  const auto rivals =
      std::ranges::count_if(found, [&](const auto* output) { return !before(output, *last); });
  if (rivals > 1)
    throw input_error(
        model,
        concat(rivals, " of its outputs could be the last layer's attention: ", to_string(outputs)),
        "one, or its name (or none) with --encoder-attention");
  return (*last)->name;
}

}  // namespace sluice::stream::onnx

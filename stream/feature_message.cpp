#include "stream/feature_message.h"

#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "stream/grid.h"
#include "stream/message.h"
#include "stream/metadata_fields.h"
#include "stream/source_metadata.h"
#include "stream/tensor_access.h"
#include "stream/token_batch.h"

namespace sluice::stream {
namespace {

using kernels::DType;
using kernels::Tensor;

void check_per_token(const Tensor& tensor, std::string_view name, std::int64_t tokens,
                     std::string_view where) {
  if (!tensor.defined()) return;
  if (tensor.dtype() != DType::f32 || tensor.shape() != kernels::Shape{tokens})
    throw input_error(
        where, concat(name, " is ", kernels::name(tensor.dtype()), " ", tensor.shape().to_string()),
        concat("f32 [", tokens, "]"));
}

void check_features(const FeatureMessage& message, std::string_view where) {
  const Tensor& features = message.frame.features;
  if (!kernels::is_feature_type(features.dtype()) || features.shape().rank() != 2 ||
      features.size(0) < 1 || features.size(1) < 1)
    throw input_error(
        where, concat("features are ", name(features.dtype()), " ", features.shape().to_string()),
        "[S,D] of f32, f16 or bf16, S and D at least 1");
  if (features.size(1) != message.source.feature_width)
    throw input_error(where, concat("features have width ", features.size(1)),
                      concat("the source's feature width, ", message.source.feature_width));
  if (message.source.grid_rows > 0 && features.size(0) != message.source.positions())
    throw input_error(where, concat(features.size(0), " tokens"),
                      concat("one per position of the ", message.source.grid_rows, "x",
                             message.source.grid_cols, " grid"));
}

void validate(const FeatureMessage& message, std::string_view where) {
  validate(message.source, where);
  const FeatureFrame& frame = message.frame;
  if (!frame.features.defined()) {
    if (!message.end_of_stream || frame.attention.defined() || frame.semantic.defined())
      throw input_error(where, "has no features", "features [S,D], or the end of the stream alone");
    return;
  }
  check_features(message, where);
  check_per_token(frame.attention, "attention", frame.features.size(0), where);
  check_per_token(frame.semantic, "semantic", frame.features.size(0), where);
  if (!std::isfinite(frame.pts)) throw input_error(where, "a pts that is not finite", "seconds");
  if (message.sequence && *message.sequence < 0)
    throw input_error(where, concat("sequence number ", *message.sequence), "0 or more");
}

void get_per_token(const SafetensorsView& blob, std::string_view name, std::int64_t tokens,
                   Tensor& into) {
  if (!blob.contains(name)) {
    into = Tensor();
    return;
  }
  const kernels::TensorView tensor = require_floats(blob, name, {tokens});
  into.reshape(DType::f32, tensor.shape());
  convert_to_f32(tensor, into.as<float>());
}

void get_features(const SafetensorsView& blob, FeatureMessage& message) {
  FeatureFrame& frame = message.frame;
  if (message.end_of_stream && !blob.contains("features")) {
    frame.features = Tensor();
  } else {
    frame.features.copy_from(require_features(blob, "features", {-1, -1}));
  }
  const std::int64_t tokens = frame.features.defined() ? frame.features.size(0) : -1;
  get_per_token(blob, "attention", tokens, frame.attention);
  get_per_token(blob, "semantic", tokens, frame.semantic);
}

/// What a sender may leave out follows from the features.
void complete_source(const MetadataReader& fields, FeatureMessage& message) {
  const Tensor& features = message.frame.features;
  if (!features.defined()) return;
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  if (features.size(0) < 1 || features.size(0) > limit || features.size(1) > limit) return;
  if (!fields.contains("feature_width"))
    message.source.feature_width = static_cast<std::int32_t>(features.size(1));
  if (!fields.contains("grid")) {
    const Grid grid = squarest_grid(static_cast<std::int32_t>(features.size(0)));
    message.source.grid_rows = grid.rows;
    message.source.grid_cols = grid.cols;
  }
}

}  // namespace

std::vector<std::byte> encode(const FeatureMessage& message) {
  validate(message, concat("features of source ", message.source.id));
  const FeatureFrame& frame = message.frame;
  Metadata metadata;
  put_message_header(metadata, message_kind::features);
  metadata["source"] = message.source.id;
  put_source(metadata, message.source, "");
  metadata["pts"] = to_text(frame.pts);
  metadata["episode"] = to_text(frame.episode);
  metadata["end_of_stream"] = to_text(message.end_of_stream);
  if (message.sequence) metadata["sequence"] = to_text(*message.sequence);

  std::vector<NamedTensor> tensors;
  if (frame.features.defined()) tensors.push_back({"features", frame.features.view()});
  if (frame.attention.defined()) tensors.push_back({"attention", frame.attention.view()});
  if (frame.semantic.defined()) tensors.push_back({"semantic", frame.semantic.view()});
  return encode_safetensors(tensors, metadata);
}

void decode_feature_message(std::span<const std::byte> bytes, std::string_view where,
                            FeatureMessage& message) {
  const auto blob = SafetensorsView::parse(bytes, where);
  check_message_header(blob, message_kind::features);
  const MetadataReader fields(blob);
  message.source =
      get_source(fields, fields.contains("source") ? fields.text("source") : "camera", "");
  message.end_of_stream = fields.flag("end_of_stream");
  message.sequence = fields.optional_integer("sequence");
  get_features(blob, message);
  complete_source(fields, message);
  const bool has_pts = fields.contains("pts") || message.frame.features.defined();
  message.frame.pts = has_pts ? fields.real("pts") : 0.0;
  message.frame.episode = fields.optional_integer("episode").value_or(0);
  message.frame.index = 0;
  validate(message, where);
}

FeatureMessage decode_feature_message(std::span<const std::byte> blob, std::string_view where) {
  FeatureMessage message;
  decode_feature_message(blob, where, message);
  return message;
}

}  // namespace sluice::stream

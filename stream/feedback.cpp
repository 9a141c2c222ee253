#include "stream/feedback.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/message.h"
#include "stream/metadata_fields.h"
#include "stream/source_metadata.h"
#include "stream/tensor_access.h"
#include "stream/token_batch.h"

namespace sluice::stream {
namespace {

constexpr const char* action_name = "action";
constexpr const char* latency_key = "model_latency_ms";

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

/// One value that is not finite would stay in the action history for the rest of the episode.
void check_attention(const SourceFeedback& feedback, std::string_view where) {
  const std::string place = concat(where, ", source ", in_quotes(feedback.source));
  check_source_id(feedback.source, where);
  if (!all_finite(feedback.semantic_attention) || !all_finite(feedback.action_attention))
    throw input_error(place, "attention that is not finite", "finite numbers");
  const std::size_t semantic = feedback.semantic_attention.size();
  const std::size_t action = feedback.action_attention.size();
  if (semantic != 0 && action != 0 && semantic != action)
    throw input_error(
        place,
        concat("semantic attention for ", semantic, " tokens, action attention for ", action),
        "both for the tokens that were sent");
}

void validate(const Feedback& feedback, std::string_view where) {
  if (feedback.stream.empty()) throw input_error(where, "has no stream id", "one");
  std::set<std::string_view> ids;
  for (const SourceFeedback& source : feedback.sources) {
    check_attention(source, where);
    if (!ids.insert(source.source).second)
      throw input_error(where, concat("source ", in_quotes(source.source), " is there twice"),
                        "every source once");
  }
  if (feedback.action.defined()) {
    if (feedback.action.dtype() != kernels::DType::f32 || feedback.action.shape().rank() != 2)
      throw input_error(where, "an action of another type or rank", "f32 [H,A]");
    if (!all_finite(feedback.action.as<float>()))
      throw input_error(where, "an action that is not finite", "finite numbers");
  }
  if (const auto& latency = feedback.model_latency_ms;
      latency && !(std::isfinite(*latency) && *latency >= 0))
    throw input_error(where, concat("a model latency of ", *latency, " ms"), "0 or more");
}

void put_attention(std::vector<NamedTensor>& tensors, const std::string& name,
                   const std::vector<float>& values) {
  if (values.empty()) return;
  const kernels::Shape shape{static_cast<std::int64_t>(values.size())};
  tensors.push_back({name, kernels::TensorView(values.data(), kernels::DType::f32, shape)});
}

std::vector<float> get_attention(const SafetensorsView& blob, const std::string& name) {
  if (!blob.contains(name)) return {};
  const kernels::TensorView tensor = require_floats(blob, name, {-1});
  std::vector<float> values(static_cast<std::size_t>(tensor.size(0)));
  convert_to_f32(tensor, values);
  return values;
}

}  // namespace

std::vector<std::byte> encode(const Feedback& feedback) {
  validate(feedback, concat("feedback for tick ", feedback.tick));
  Metadata metadata;
  put_message_header(metadata, message_kind::feedback);
  metadata["stream"] = feedback.stream;
  metadata["episode"] = to_text(feedback.episode);
  metadata["tick"] = to_text(feedback.tick);
  if (feedback.model_latency_ms) metadata[latency_key] = to_text(*feedback.model_latency_ms);

  std::vector<NamedTensor> tensors;
  std::string ids;
  for (const SourceFeedback& source : feedback.sources) {
    ids += (ids.empty() ? "" : ",") + source.source;
    put_attention(tensors, source.source + "/semantic_attention", source.semantic_attention);
    put_attention(tensors, source.source + "/action_attention", source.action_attention);
  }
  metadata["sources"] = ids;
  if (feedback.action.defined()) tensors.push_back({action_name, feedback.action.view()});
  return encode_safetensors(tensors, metadata);
}

Feedback decode_feedback(std::span<const std::byte> bytes, std::string_view where) {
  const auto blob = SafetensorsView::parse(bytes, where);
  check_message_header(blob, message_kind::feedback);
  const MetadataReader fields(blob);
  Feedback feedback;
  feedback.stream = fields.text("stream");
  feedback.episode = fields.integer("episode");
  feedback.tick = fields.integer("tick");
  if (fields.contains(latency_key)) feedback.model_latency_ms = fields.real(latency_key);
  for (const std::string& id : get_source_ids(fields, "sources"))
    feedback.sources.push_back({id, get_attention(blob, id + "/semantic_attention"),
                                get_attention(blob, id + "/action_attention")});
  if (blob.contains(action_name)) {
    const kernels::TensorView action = require_floats(blob, action_name, {-1, -1});
    feedback.action.reshape(kernels::DType::f32, action.shape());
    convert_to_f32(action, feedback.action.as<float>());
  }
  validate(feedback, where);
  return feedback;
}

}  // namespace sluice::stream

#include "python/src/packet_fields.h"

#include "stream/packet_fields.h"

#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "python/src/fields.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"
#include "python/src/token_columns.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using stream::Feedback;
using stream::Packet;

constexpr std::string_view totals_prefix = "totals.";

[[nodiscard]] bool is_total(std::string_view key) {
  return key.starts_with(totals_prefix);
}

/// A value of a packet's metadata out of the attribute of the same name.
struct AttributeReader {
  nb::handle object;

  template <typename T>
  void operator()(const char* key, T& value) const {
    if constexpr (std::is_same_v<T, std::optional<std::int64_t>>)
      value = optional_field<std::int64_t>(object, key);
    else
      value = field<T>(object, key);
  }
};

[[nodiscard]] const char* total_name(const char* key) {
  return key + totals_prefix.size();
}

std::vector<float> attention_of(nb::handle source, const char* name) {
  const TensorArgument attention(source.attr(name), name);
  if (!attention.given()) return {};
  attention.require_shape({-1}, "[tokens]");
  return attention.floats();
}

nb::object tensor_or_none(std::vector<float>&& values) {
  if (values.empty()) return nb::none();
  return tensor_result(std::move(values));
}

}  // namespace

nb::dict totals_fields(const stream::RunningTotals& totals) {
  nb::dict fields;
  for_each_total(totals,
                 [&](const char* key, std::int64_t value) { fields[total_name(key)] = value; });
  return fields;
}

nb::dict packet_fields(Packet&& packet) {
  return packet_fields(packet, std::move(packet.batches));
}

nb::dict packet_fields(const Packet& packet, std::vector<stream::TokenBatch>&& tokens) {
  nb::dict fields;
  for_each_field(packet, [&](const char* key, const auto& value) {
    using T = std::remove_cvref_t<decltype(value)>;
    if (is_total(key)) return;
    if constexpr (std::is_same_v<T, std::optional<std::int64_t>>)
      fields[key] = value ? nb::cast(*value) : nb::none();
    else
      fields[key] = nb::cast(value);
  });
  fields["totals"] = totals_fields(packet.totals);
  nb::list batches;
  for (auto& batch : tokens) {
    nb::dict source = source_fields(batch.source);
    batches.append(nb::make_tuple(source, columns_of(std::move(batch))));
  }
  fields["batches"] = batches;
  return fields;
}

Packet packet_from(nb::handle object) {
  Packet packet;
  const AttributeReader own{object};
  const nb::object totals = object.attr("totals");
  const AttributeReader total{totals};
  for_each_field(packet, [&](const char* key, auto& value) {
    if (is_total(key))
      total(total_name(key), value);
    else
      own(key, value);
  });
  for (nb::handle tokens : object.attr("batches").attr("values")()) {
    stream::TokenBatch& batch = packet.batches.emplace_back();
    const auto columns = nb::cast<nb::dict>(tokens.attr("columns")());
    const TensorArgument features = read_columns(columns, tokens.attr("source"), batch);
    batch.features = features.borrowed();
  }
  return packet;
}

nb::dict feedback_fields(Feedback&& feedback) {
  nb::dict fields;
  fields["stream"] = feedback.stream;
  fields["episode"] = feedback.episode;
  fields["tick"] = feedback.tick;
  fields["model_latency_ms"] =
      feedback.model_latency_ms ? nb::cast(*feedback.model_latency_ms) : nb::none();
  fields["action"] =
      feedback.action.defined() ? tensor_result(std::move(feedback.action)) : nb::none();
  nb::list sources;
  for (auto& source : feedback.sources)
    sources.append(nb::make_tuple(source.source,
                                  tensor_or_none(std::move(source.semantic_attention)),
                                  tensor_or_none(std::move(source.action_attention))));
  fields["sources"] = sources;
  return fields;
}

Feedback feedback_from(nb::handle object) {
  Feedback feedback;
  feedback.stream = field<std::string>(object, "stream");
  feedback.episode = field<std::int64_t>(object, "episode");
  feedback.tick = field<std::int64_t>(object, "tick");
  feedback.model_latency_ms = optional_field<double>(object, "model_latency_ms");
  const TensorArgument action(object.attr("action"), "action");
  if (action.given()) {
    action.require_shape({-1, -1}, "[steps, numbers]");
    feedback.action = kernels::Tensor::from<float>(action.floats(), action.view().shape());
  }
  for (nb::handle item : object.attr("sources").attr("items")()) {
    const nb::object source = item[1];
    feedback.sources.push_back({value_of<std::string>(item[0], "sources"),
                                attention_of(source, "semantic_attention"),
                                attention_of(source, "action_attention")});
  }
  return feedback;
}

}  // namespace sluice::python

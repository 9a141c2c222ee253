#include "stream/packet.h"

#include <cmath>
#include <set>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/metadata_fields.h"
#include "stream/source_metadata.h"
#include "stream/tensor_access.h"

namespace sluice::stream {
namespace {

/// Calls visit(key, counter) for every running total, const or not.
template <typename Totals, typename Visit>
void for_each_total(Totals& totals, Visit&& visit) {
  visit("totals.frames", totals.frames);
  visit("totals.seen", totals.seen);
  visit("totals.available", totals.available);
  visit("totals.kept", totals.kept);
  visit("totals.unspent", totals.unspent);
  visit("totals.packets", totals.packets);
  visit("totals.dropped_packets", totals.dropped_packets);
  visit("totals.dropped_tokens", totals.dropped_tokens);
  visit("totals.forced_cuts", totals.forced_cuts);
  visit("totals.non_finite", totals.non_finite);
  visit("totals.skipped_input", totals.skipped_input);
}

void check_counts(const Packet& packet, std::string_view where) {
  const auto check = [where](std::string_view name, std::int64_t value) {
    if (value < 0) throw input_error(where, concat(name, " is ", value), "0 or more");
  };
  check("sequence", packet.sequence);
  check("budget", packet.budget);
  check("available", packet.available);
  check("kept", packet.kept);
  for_each_total(packet.totals, check);
  // That kept is within the budget is for the receiver to judge: parity rounding exceeds it.
  if (packet.kept > packet.available)
    throw input_error(where, concat("keeps ", packet.kept, " tokens of ", packet.available),
                      "no more than there were");
}

void check_segment(const Packet& packet, std::string_view where) {
  const auto& first = packet.segment_first;
  const auto& last = packet.segment_last;
  if (first.has_value() != last.has_value())
    throw input_error(where, "half a segment", "segment_first and segment_last, or neither");
  if (first && (*first < 0 || *last < *first))
    throw input_error(where, concat("a segment of frames ", *first, " to ", *last),
                      "a first frame of 0 or more, and a last one that is not before it");
}

void check_batches(const Packet& packet, std::string_view where) {
  std::set<std::string_view> ids;
  std::int64_t tokens = 0;
  for (const TokenBatch& batch : packet.batches) {
    validate(batch, where);
    if (!ids.insert(batch.source.id).second)
      throw input_error(where, concat("source ", in_quotes(batch.source.id), " is there twice"),
                        "one batch per source");
    tokens += batch.size();
  }
  if (tokens != packet.kept)
    throw input_error(where, concat("holds ", tokens, " tokens"),
                      concat("as many as it says it keeps, ", packet.kept));
}

void validate(const Packet& packet, std::string_view where) {
  if (packet.stream.empty()) throw input_error(where, "has no stream id", "one");
  if (!(packet.retain > 0 && packet.retain <= 1))
    throw input_error(where, concat("retain is ", packet.retain), "above 0, at most 1");
  check_counts(packet, where);
  check_segment(packet, where);
  check_batches(packet, where);
}

void put_optional(Metadata& metadata, const char* key, const std::optional<std::int64_t>& value) {
  if (value) metadata[key] = to_text(*value);
}

/// A source's part of the tokens sent; 0 of a packet without tokens.
double share_of(std::int64_t tokens, std::int64_t kept) {
  return kept > 0 ? static_cast<double>(tokens) / static_cast<double>(kept) : 0.0;
}

Metadata packet_metadata(const Packet& packet) {
  Metadata metadata;
  put_message_header(metadata, message_kind::packet);
  metadata["stream"] = packet.stream;
  metadata["sequence"] = to_text(packet.sequence);
  put_optional(metadata, "tick", packet.tick);
  put_optional(metadata, "episode", packet.episode);
  put_optional(metadata, "segment_first", packet.segment_first);
  put_optional(metadata, "segment_last", packet.segment_last);
  metadata["forced_cut"] = to_text(packet.forced_cut);
  metadata["end_of_stream"] = to_text(packet.end_of_stream);
  metadata["retain"] = to_text(packet.retain);
  metadata["budget"] = to_text(packet.budget);
  metadata["available"] = to_text(packet.available);
  metadata["kept"] = to_text(packet.kept);
  for_each_total(packet.totals, [&metadata](const char* key, std::int64_t value) {
    metadata[key] = to_text(value);
  });
  metadata["settings_hash"] = packet.settings_hash;
  put_optional(metadata, "sent_unix_ns", packet.sent_unix_ns);

  std::string ids;
  for (const TokenBatch& batch : packet.batches) {
    ids += (ids.empty() ? "" : ",") + batch.source.id;
    const std::string prefix = batch.source.id + "/";
    put_source(metadata, batch.source, prefix);
    metadata[prefix + "kept"] = to_text(batch.size());
    metadata[prefix + "share"] = to_text(share_of(batch.size(), packet.kept));
  }
  metadata["sources"] = ids;
  return metadata;
}

void put_tensors(std::vector<NamedTensor>& tensors, const TokenBatch& batch) {
  using kernels::Shape;
  using kernels::TensorView;
  const std::string prefix = batch.source.id + "/";
  // A batch without features has no tokens; [0,D] says so to a reader who wants to concatenate.
  tensors.push_back(
      {prefix + "features", batch.features.defined()
                                ? batch.features.view()
                                : TensorView(nullptr, kernels::DType::f32,
                                             Shape{0, std::int64_t{batch.source.feature_width}})});
  for_each_column(batch, [&](const char* name, const auto& values, std::int64_t width) {
    if (values.empty()) return;
    using Value = typename std::decay_t<decltype(values)>::value_type;
    const Shape shape = width == 1 ? Shape{batch.size()} : Shape{batch.size(), width};
    tensors.push_back(
        {prefix + name, TensorView(values.data(), kernels::DTypeOf<Value>::value, shape)});
  });
}

TokenBatch get_batch(const SafetensorsView& blob, const MetadataReader& fields,
                     const std::string& id) {
  const std::string prefix = id + "/";
  TokenBatch batch;
  batch.source = get_source(fields, id, prefix);
  batch.features.copy_from(
      require_features(blob, prefix + "features", {-1, std::int64_t{batch.source.feature_width}}));
  const std::int64_t size = batch.size();
  if (fields.count(prefix + "kept") != size)
    throw input_error(fields.place(prefix + "kept"), fields.text(prefix + "kept"),
                      concat("the number of rows in its features, ", size));
  for_each_column(batch, [&](const char* name, auto& values, std::int64_t width) {
    if (!blob.contains(prefix + name)) return;
    using Value = typename std::decay_t<decltype(values)>::value_type;
    const auto dtype = kernels::DTypeOf<Value>::value;
    values =
        to_vector<Value>(width == 1 ? require_tensor(blob, prefix + name, dtype, {size})
                                    : require_tensor(blob, prefix + name, dtype, {size, width}));
  });
  return batch;
}

void check_shares(const Packet& packet, const MetadataReader& fields) {
  for (const TokenBatch& batch : packet.batches) {
    const std::string key = batch.source.id + "/share";
    const double expected = share_of(batch.size(), packet.kept);
    if (fields.contains(key) && std::abs(fields.real(key) - expected) > 1e-6)
      throw input_error(fields.place(key), fields.text(key), to_text(expected));
  }
}

}  // namespace

std::vector<std::byte> encode(const Packet& packet) {
  validate(packet, concat("packet ", packet.sequence));
  std::vector<NamedTensor> tensors;
  for (const TokenBatch& batch : packet.batches) put_tensors(tensors, batch);
  return encode_safetensors(tensors, packet_metadata(packet));
}

Packet decode_packet(std::span<const std::byte> bytes, std::string_view where) {
  const auto blob = SafetensorsView::parse(bytes, where);
  check_message_header(blob, message_kind::packet);
  const MetadataReader fields(blob);
  Packet packet;
  packet.stream = fields.text("stream");
  packet.sequence = fields.count("sequence");
  packet.tick = fields.optional_integer("tick");
  packet.episode = fields.optional_integer("episode");
  packet.segment_first = fields.optional_integer("segment_first");
  packet.segment_last = fields.optional_integer("segment_last");
  packet.forced_cut = fields.flag("forced_cut");
  packet.end_of_stream = fields.flag("end_of_stream");
  packet.retain = fields.real("retain");
  packet.budget = fields.count("budget");
  packet.available = fields.count("available");
  packet.kept = fields.count("kept");
  for_each_total(packet.totals,
                 [&fields](const char* key, std::int64_t& value) { value = fields.count(key); });
  packet.settings_hash = fields.text("settings_hash");
  packet.sent_unix_ns = fields.optional_integer("sent_unix_ns");
  for (const std::string& id : get_source_ids(fields, "sources"))
    packet.batches.push_back(get_batch(blob, fields, id));
  validate(packet, where);
  check_shares(packet, fields);
  return packet;
}

}  // namespace sluice::stream

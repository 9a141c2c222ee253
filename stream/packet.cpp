#include "stream/packet.h"

#include <cmath>

#include "kernels/error.h"
#include "stream/fixed_shape.h"
#include "stream/metadata_fields.h"
#include "stream/packet_encoder.h"
#include "stream/packet_fields.h"
#include "stream/packet_validation.h"
#include "stream/source_metadata.h"
#include "stream/tensor_access.h"

namespace sluice::stream {
namespace {

/// Reads every member of a packet by its type.
struct FieldReader {
  const MetadataReader& fields;

  void operator()(const char* key, std::string& text) const { text = fields.text(key); }
  void operator()(const char* key, std::int64_t& count) const { count = fields.count(key); }
  void operator()(const char* key, std::optional<std::int64_t>& value) const {
    value = fields.optional_integer(key);
  }
  void operator()(const char* key, bool& flag) const { flag = fields.flag(key); }
  void operator()(const char* key, double& value) const { value = fields.real(key); }
};

TokenBatch get_batch(const SafetensorsView& blob, const MetadataReader& fields,
                     const std::string& id) {
  const std::string prefix = id + "/";
  TokenBatch batch;
  batch.source = get_source(fields, id, prefix);
  batch.features.copy_from(require_features(blob, prefix + features_name,
                                            {-1, std::int64_t{batch.source.feature_width}}));
  const std::int64_t size = batch.size();
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

/// What each source says of its part must be what its rows say.
void check_parts(const Packet& packet, const MetadataReader& fields) {
  for (const TokenBatch& batch : packet.batches) {
    const std::int64_t tokens = chosen_rows(batch);
    const std::string kept_key = batch.source.id + "/" + source_kept_key;
    if (fields.count(kept_key) != tokens)
      throw input_error(fields.place(kept_key), fields.text(kept_key),
                        concat("the number of its tokens, ", tokens));
    const std::string share_key = batch.source.id + "/" + source_share_key;
    const double expected = share_of(tokens, packet.kept);
    if (fields.contains(share_key) && std::abs(fields.real(share_key) - expected) > 1e-6)
      throw input_error(fields.place(share_key), fields.text(share_key), to_text(expected));
  }
}

}  // namespace

std::vector<std::byte> encode(const Packet& packet) {
  std::vector<std::byte> blob;
  PacketEncoder().encode(packet, blob);
  return blob;
}

Packet decode_packet(std::span<const std::byte> bytes, std::string_view where) {
  const auto blob = SafetensorsView::parse(bytes, where);
  check_message_header(blob, message_kind::packet, {message_feature::mask});
  const MetadataReader fields(blob);
  Packet packet;
  for_each_field(packet, FieldReader{fields});
  for (const std::string& id : get_source_ids(fields, sources_key))
    packet.batches.push_back(get_batch(blob, fields, id));
  std::vector<std::string_view> scratch;
  validate(packet, where, scratch);
  check_parts(packet, fields);
  return packet;
}

}  // namespace sluice::stream

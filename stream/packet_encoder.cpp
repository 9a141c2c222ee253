#include "stream/packet_encoder.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "stream/fixed_shape.h"
#include "stream/metadata_text.h"
#include "stream/packet_fields.h"
#include "stream/packet_validation.h"
#include "stream/safetensors_layout.h"
#include "stream/source_metadata.h"

namespace sluice::stream {
namespace {

using kernels::Shape;
using kernels::TensorView;

/// Features and every column, whether a batch has it or not.
std::size_t tensors_per_source() {
  std::size_t count = 1;
  const TokenBatch any;
  for_each_column(any, [&count](const char*, const auto&, int) { ++count; });
  return count;
}

/// A batch without features has no tokens; [0,D] says so to a reader who wants to concatenate.
TensorView features_of(const TokenBatch& batch) {
  if (batch.features.defined()) return batch.features.view();
  return {nullptr, kernels::DType::f32, Shape{0, std::int64_t{batch.source.feature_width}}};
}

}  // namespace

struct PacketEncoder::State {
  void put_metadata(const Packet& packet);
  void put_source(const TokenBatch& batch, std::int64_t kept);
  void put_tensors(const Packet& packet);
  void put_tensor(NamedTensor& place, const TokenBatch& batch, std::string_view name,
                  const TensorView& tensor);
  [[nodiscard]] std::size_t longest_head() const noexcept;

  std::string prefix, ids;
  std::vector<std::string_view> scratch;
  MetadataText metadata;
  const std::size_t per_source = tensors_per_source();
  /// One per source and column, whether it is there or not, so that names keep their memory.
  std::vector<NamedTensor> places;
  std::size_t places_used = 0;
  std::vector<const NamedTensor*> tensors;  ///< those that are there
  SafetensorsLayout layout;
  std::size_t reserved = 0;  ///< bytes of features and columns
};

void PacketEncoder::State::put_metadata(const Packet& packet) {
  metadata.clear();
  metadata.put(message_key::kind, message_kind::packet);
  metadata.put(message_key::schema, packet_schema);
  if (std::any_of(packet.batches.begin(), packet.batches.end(), has_mask))
    metadata.put(message_key::required, message_feature::mask);
  for_each_field(packet, [this](const char* key, const auto& value) {
    if constexpr (std::is_same_v<decltype(value), const std::optional<std::int64_t>&>) {
      if (value) metadata.put(key, *value);
    } else {
      metadata.put(key, value);
    }
  });
  ids.clear();
  for (const TokenBatch& batch : packet.batches) {
    if (!ids.empty()) ids += ',';
    ids += batch.source.id;
    put_source(batch, packet.kept);
  }
  metadata.put(sources_key, ids);
}

void PacketEncoder::State::put_source(const TokenBatch& batch, std::int64_t kept) {
  prefix.assign(batch.source.id).append("/");
  const auto put = [this](const char* key, const auto& value) {
    metadata.put_under(prefix, key, value);
  };
  for_each_source_field(batch.source, put);
  const std::int64_t tokens = chosen_rows(batch);
  put(source_kept_key, tokens);
  put(source_share_key, share_of(tokens, kept));
}

void PacketEncoder::State::put_tensors(const Packet& packet) {
  tensors.clear();
  places_used = per_source * packet.batches.size();
  if (places.size() < places_used) places.resize(places_used);
  tensors.reserve(places_used);
  auto place = places.begin();
  for (const TokenBatch& batch : packet.batches) {
    put_tensor(*place++, batch, features_name, features_of(batch));
    for_each_column(batch, [&](const char* name, const auto& values, std::int64_t width) {
      using Value = typename std::decay_t<decltype(values)>::value_type;
      const Shape shape = width == 1 ? Shape{batch.size()} : Shape{batch.size(), width};
      put_tensor(*place++, batch, name,
                 values.empty() ? TensorView()
                                : TensorView(values.data(), kernels::DTypeOf<Value>::value, shape));
    });
  }
}

void PacketEncoder::State::put_tensor(NamedTensor& place, const TokenBatch& batch,
                                      std::string_view name, const TensorView& tensor) {
  place.name.assign(batch.source.id).append("/").append(name);
  place.tensor = tensor;
  if (tensor.defined()) tensors.push_back(&place);
}

/// However long the numbers in it are, and if every column is there: a character takes at most six
/// in JSON, and what is written around a tensor's name with its five numbers at most 200.
std::size_t PacketEncoder::State::longest_head() const noexcept {
  std::size_t length = 64 + 6 * metadata.longest() + 8 * metadata.size();
  for (const NamedTensor& named : std::span(places).first(places_used))
    length += 200 + named.name.size();
  return length;
}

PacketEncoder::PacketEncoder() : state_(std::make_unique<State>()) {}
PacketEncoder::PacketEncoder(PacketEncoder&&) noexcept = default;
PacketEncoder& PacketEncoder::operator=(PacketEncoder&&) noexcept = default;
PacketEncoder::~PacketEncoder() = default;

void PacketEncoder::reserve(std::size_t token_bytes) noexcept {
  state_->reserved = token_bytes;
}

void PacketEncoder::encode(const Packet& packet, std::vector<std::byte>& blob) {
  State& state = *state_;
  std::array<char, 32> where{"packet "};
  const char* const end = write_text(where.data() + 7, packet.sequence);
  validate(packet, std::string_view(where.data(), end), state.scratch);
  state.put_metadata(packet);
  state.put_tensors(packet);
  const std::size_t longest_head = state.longest_head();
  state.layout.reserve(longest_head, state.places_used);
  state.layout.arrange(state.tensors, state.metadata.sorted());

  std::size_t token_bytes = 0;
  for (const NamedTensor* named : state.tensors) token_bytes += named->tensor.byte_size();
  const std::size_t longest = longest_head + std::max(token_bytes, state.reserved);
  if (blob.capacity() < longest && state.reserved > 0) blob.resize(longest);  // touches it
  blob.clear();
  blob.reserve(longest);
  append_blob(state.layout, state.tensors, blob);
}

}  // namespace sluice::stream

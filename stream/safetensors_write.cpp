// Writing: the same contents give the same bytes.
#include <algorithm>
#include <cstring>

#include "kernels/error.h"
#include "stream/atomic_file.h"
#include "stream/json.h"
#include "stream/safetensors.h"
#include "stream/safetensors_dtype.h"

namespace sluice::stream {
namespace {

void check(const NamedTensor& named) {
  const std::string where = concat("tensor ", in_quotes(named.name));
  if (!is_utf8(named.name)) throw input_error(where, "has a malformed name", "UTF-8");
  if (named.name == "__metadata__") throw input_error(where, "has a reserved name", "another");
  if (named.tensor.rank() == 0) throw input_error(where, "is undefined", "a tensor with a shape");
  if (named.tensor.device().kind != kernels::Device::Kind::cpu || !named.tensor.is_contiguous())
    throw input_error(where, "can't be written", "contiguous host memory");
}

/// The order in the file: by descending item size, which aligns them all, then by name.
std::vector<const NamedTensor*> layout(std::span<const NamedTensor> tensors) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& named : tensors) {
    check(named);
    order.push_back(&named);
  }
  std::sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    const std::size_t size_a = item_size(a->tensor.dtype());
    const std::size_t size_b = item_size(b->tensor.dtype());
    return size_a != size_b ? size_a > size_b : a->name < b->name;
  });
  std::vector<std::string_view> names;
  names.reserve(order.size());
  for (const NamedTensor* named : order) names.push_back(named->name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    throw input_error(concat("tensor ", in_quotes(*twice)), "is there twice", "every name once");
  return order;
}

void append_metadata(std::string& json, const Metadata& metadata) {
  json += R"("__metadata__":{)";
  for (bool first = true; const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value))
      throw input_error(concat("metadata ", in_quotes(key)), "is malformed", "UTF-8");
    if (!std::exchange(first, false)) json += ',';
    append_json_string(json, key);
    json += ':';
    append_json_string(json, value);
  }
  json += '}';
}

void append_entry(std::string& json, const NamedTensor& named, std::size_t begin) {
  append_json_string(json, named.name);
  json.append(R"(:{"dtype":")").append(stored_name(named.tensor.dtype())).append(R"(","shape":[)");
  for (std::size_t axis = 0; axis < named.tensor.rank(); ++axis) {
    if (axis > 0) json += ',';
    json += std::to_string(named.tensor.size(axis));
  }
  json.append(R"(],"data_offsets":[)").append(std::to_string(begin)).append(",");
  json.append(std::to_string(begin + named.tensor.byte_size())).append("]}");
}

/// Everything before the tensors: the length of the header, then the header, padded with spaces so
/// that the data starts at a multiple of 8.
std::string make_prefix(std::span<const NamedTensor* const> order, const Metadata& metadata) {
  std::string prefix(8, '\0');
  prefix += '{';
  if (!metadata.empty()) append_metadata(prefix, metadata);
  std::size_t offset = 0;
  for (const NamedTensor* named : order) {
    if (prefix.back() != '{') prefix += ',';
    append_entry(prefix, *named, offset);
    offset += named->tensor.byte_size();
  }
  prefix += '}';
  prefix.append((8 - prefix.size() % 8) % 8, ' ');
  const std::uint64_t header_length = prefix.size() - 8;
  std::memcpy(prefix.data(), &header_length, 8);
  return prefix;
}

std::span<const std::byte> bytes_of(const kernels::TensorView& tensor) {
  return {static_cast<const std::byte*>(tensor.data()), tensor.byte_size()};
}

}  // namespace

std::vector<std::byte> encode_safetensors(std::span<const NamedTensor> tensors,
                                          const Metadata& metadata) {
  const auto order = layout(tensors);
  const std::string prefix = make_prefix(order, metadata);
  std::size_t size = prefix.size();
  for (const NamedTensor* named : order) size += named->tensor.byte_size();

  std::vector<std::byte> blob;
  blob.reserve(size);
  const auto append = [&blob](std::span<const std::byte> bytes) {
    blob.insert(blob.end(), bytes.begin(), bytes.end());
  };
  append(std::as_bytes(std::span(prefix)));
  for (const NamedTensor* named : order) append(bytes_of(named->tensor));
  return blob;
}

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata) {
  const auto order = layout(tensors);
  const std::string prefix = make_prefix(order, metadata);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(prefix)));
  for (const NamedTensor* named : order) file.write(bytes_of(named->tensor));
  file.commit();
}

}  // namespace sluice::stream

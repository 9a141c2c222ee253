#include "stream/safetensors_layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/safetensors_dtype.h"

namespace sluice::stream {
namespace {

void check(const NamedTensor& named) {
  const auto refuse = [&named](std::string_view what, std::string_view expected) {
    return input_error(concat("tensor ", in_quotes(named.name)), what, expected);
  };
  if (!is_utf8(named.name)) throw refuse("has a malformed name", "UTF-8");
  if (named.name == "__metadata__") throw refuse("has a reserved name", "another");
  if (named.tensor.rank() == 0) throw refuse("is undefined", "a tensor with a shape");
  if (named.tensor.device().kind != kernels::Device::Kind::cpu || !named.tensor.is_contiguous())
    throw refuse("can't be written", "contiguous host memory");
}

bool comes_before(const NamedTensor* a, const NamedTensor* b) {
  const std::size_t size_a = item_size(a->tensor.dtype());
  const std::size_t size_b = item_size(b->tensor.dtype());
  return size_a != size_b ? size_a > size_b : a->name < b->name;
}

}  // namespace

void SafetensorsLayout::arrange(std::span<const NamedTensor*> tensors,
                                std::span<const MetadataEntry> metadata) {
  for (const NamedTensor* named : tensors) check(*named);
  check_names(tensors);
  std::sort(tensors.begin(), tensors.end(), comes_before);

  head_.assign(8, '\0');
  head_ += '{';
  if (!metadata.empty()) append_metadata(metadata);
  std::size_t offset = 0;
  for (const NamedTensor* named : tensors) {
    append_tensor(*named, offset);
    offset += named->tensor.byte_size();
  }
  head_ += '}';
  head_.append((8 - head_.size() % 8) % 8, ' ');
  const std::uint64_t length = head_.size() - 8;
  std::memcpy(head_.data(), &length, 8);
}

void SafetensorsLayout::check_names(std::span<const NamedTensor* const> tensors) {
  names_.clear();
  for (const NamedTensor* named : tensors) names_.push_back(named->name);
  std::sort(names_.begin(), names_.end());
  const auto twice = std::adjacent_find(names_.begin(), names_.end());
  if (twice != names_.end())
    throw input_error(concat("tensor ", in_quotes(*twice)), "is there twice", "every name once");
}

void SafetensorsLayout::append_metadata(std::span<const MetadataEntry> metadata) {
  head_ += R"("__metadata__":{)";
  for (bool first = true; const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value))
      throw input_error(concat("metadata ", in_quotes(key)), "is malformed", "UTF-8");
    if (!std::exchange(first, false)) head_ += ',';
    append_json_string(head_, key);
    head_ += ':';
    append_json_string(head_, value);
  }
  head_ += '}';
}

void SafetensorsLayout::append_tensor(const NamedTensor& named, std::size_t begin) {
  const kernels::TensorView& tensor = named.tensor;
  if (head_.back() != '{') head_ += ',';
  append_json_string(head_, named.name);
  head_.append(R"(:{"dtype":")").append(stored_name(tensor.dtype())).append(R"(","shape":[)");
  for (std::size_t axis = 0; axis < tensor.rank(); ++axis) {
    if (axis > 0) head_ += ',';
    append_number(static_cast<std::size_t>(tensor.size(axis)));
  }
  head_ += R"(],"data_offsets":[)";
  append_number(begin);
  head_ += ',';
  append_number(begin + tensor.byte_size());
  head_ += "]}";
}

void SafetensorsLayout::append_number(std::size_t number) {
  std::array<char, 20> digits{};
  head_.append(digits.data(),
               std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

std::span<const std::byte> bytes_of(const kernels::TensorView& tensor) noexcept {
  return {static_cast<const std::byte*>(tensor.data()), tensor.byte_size()};
}

void append_blob(const SafetensorsLayout& layout, std::span<const NamedTensor* const> tensors,
                 std::vector<std::byte>& blob) {
  std::size_t size = blob.size() + layout.head().size();
  for (const NamedTensor* named : tensors) size += named->tensor.byte_size();
  blob.reserve(size);
  const auto append = [&blob](std::span<const std::byte> bytes) {
    blob.insert(blob.end(), bytes.begin(), bytes.end());
  };
  append(std::as_bytes(std::span(layout.head())));
  for (const NamedTensor* named : tensors) append(bytes_of(named->tensor));
}

}  // namespace sluice::stream

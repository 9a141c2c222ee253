// How the parts of a safetensors blob lie in it. The one place where the format is written.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/safetensors.h"

namespace sluice::stream {

struct MetadataEntry {
  std::string_view key, value;
};

/// A blob is head() and then the tensors' bytes, one after the other. Used again, it allocates only
/// for a longer head or more tensors than before.
class SafetensorsLayout {
 public:
  /// Sorts `tensors` into the order of the blob: by descending item size, which aligns them all,
  /// then by name. `metadata` come by key, every key once. Throws sluice::Error as
  /// encode_safetensors() does.
  void arrange(std::span<const NamedTensor*> tensors, std::span<const MetadataEntry> metadata);
  /// The length of the header, then the header, padded with spaces so that the data starts at a
  /// multiple of 8.
  [[nodiscard]] std::string_view head() const noexcept { return head_; }
  /// After this, heads of this length with so many tensors need no allocation.
  void reserve(std::size_t head_bytes, std::size_t tensors) {
    head_.reserve(head_bytes);
    names_.reserve(tensors);
  }

 private:
  void check_names(std::span<const NamedTensor* const> tensors);
  void append_metadata(std::span<const MetadataEntry> metadata);
  void append_tensor(const NamedTensor& named, std::size_t begin);
  void append_number(std::size_t number);

  std::string head_;
  std::vector<std::string_view> names_;
};

[[nodiscard]] std::span<const std::byte> bytes_of(const kernels::TensorView& tensor) noexcept;

/// Appends the blob of `tensors` as they were arranged.
void append_blob(const SafetensorsLayout& layout, std::span<const NamedTensor* const> tensors,
                 std::vector<std::byte>& blob);

}  // namespace sluice::stream

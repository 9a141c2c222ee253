// Metadata put together again and again without going to the heap.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/metadata_fields.h"
#include "stream/safetensors_layout.h"

namespace sluice::stream {

/// Every number takes the place of the longest of its type, so that memory does not depend on the
/// values: with the same keys and texts as before, nothing is allocated.
class MetadataText {
 public:
  void clear() noexcept {
    text_.clear();
    entries_.clear();
  }

  /// No key twice. Values as to_text() takes them, and text.
  template <typename Value>
  void put(std::string_view key, const Value& value) {
    put_under({}, key, value);
  }
  /// The same, under `prefix` and `key` together.
  template <typename Value>
  void put_under(std::string_view prefix, std::string_view key, const Value& value) {
    const Part key_part = append(prefix, key);
    if constexpr (std::convertible_to<Value, std::string_view>) {
      entries_.push_back({key_part, append(std::string_view(value), {})});
    } else {
      const std::size_t begin = text_.size();
      text_.resize(begin + longest_text(value));
      const char* const end = write_text(text_.data() + begin, value);
      entries_.push_back({key_part, {begin, static_cast<std::size_t>(end - text_.data()) - begin}});
    }
  }

  /// By key. Valid until the next change.
  [[nodiscard]] std::span<const MetadataEntry> sorted() {
    sorted_.clear();
    for (const Entry& entry : entries_) sorted_.push_back({view(entry.key), view(entry.value)});
    std::sort(sorted_.begin(), sorted_.end(),
              [](const MetadataEntry& a, const MetadataEntry& b) { return a.key < b.key; });
    return sorted_;
  }
  /// Characters of all keys and values, of numbers the most that they can have.
  [[nodiscard]] std::size_t longest() const noexcept { return text_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Part {
    std::size_t begin, length;
  };
  struct Entry {
    Part key, value;
  };

  Part append(std::string_view first, std::string_view second) {
    const std::size_t begin = text_.size();
    text_.append(first).append(second);
    return {begin, text_.size() - begin};
  }
  [[nodiscard]] std::string_view view(const Part& part) const noexcept {
    return std::string_view(text_).substr(part.begin, part.length);
  }

  std::string text_;
  std::vector<Entry> entries_;
  std::vector<MetadataEntry> sorted_;
};

}  // namespace sluice::stream

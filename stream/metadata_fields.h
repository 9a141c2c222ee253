// Typed values in safetensors metadata, which knows only strings.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/safetensors.h"

namespace sluice::stream {

/// Independent of the locale; a double is written with as many digits as give it back exactly.
[[nodiscard]] std::string to_text(std::int64_t value);
[[nodiscard]] std::string to_text(double value);
[[nodiscard]] std::string to_text(bool value);                      ///< "true" or "false"
[[nodiscard]] std::string to_text(std::span<const double> values);  ///< separated by commas
[[nodiscard]] std::string to_text(std::span<const std::int32_t> values);
std::string to_text(const char*) = delete;  // would be a bool

/// The same without going to the heap: writes to `out` and returns the end of what was written,
/// at most longest_text() characters.
char* write_text(char* out, std::int64_t value) noexcept;
char* write_text(char* out, double value) noexcept;
char* write_text(char* out, bool value) noexcept;
char* write_text(char* out, std::span<const double> values) noexcept;
char* write_text(char* out, std::span<const std::int32_t> values) noexcept;
char* write_text(char* out, const char*) = delete;
/// Of any value of this type, or of any so many values.
[[nodiscard]] constexpr std::size_t longest_text(std::int64_t) noexcept {
  return 20;
}
[[nodiscard]] constexpr std::size_t longest_text(double) noexcept {
  return 24;
}
[[nodiscard]] constexpr std::size_t longest_text(bool) noexcept {
  return 5;
}
[[nodiscard]] constexpr std::size_t longest_text(std::span<const double> values) noexcept {
  return 25 * values.size();
}
[[nodiscard]] constexpr std::size_t longest_text(std::span<const std::int32_t> values) noexcept {
  return 12 * values.size();
}

/// Splits at `separator`; no parts for an empty text.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

/// Reads metadata that somebody else wrote. Every function throws sluice::Error, naming the blob
/// and the key, if the value is missing (unless it returns an optional) or not of its type.
class MetadataReader {
 public:
  explicit MetadataReader(const SafetensorsView& blob)
      : metadata_(blob.metadata()), where_(blob.where()) {}

  [[nodiscard]] bool contains(const std::string& key) const { return metadata_.contains(key); }
  [[nodiscard]] const std::string& text(const std::string& key) const;
  [[nodiscard]] std::int64_t integer(const std::string& key) const;
  /// An integer ≥ 0.
  [[nodiscard]] std::int64_t count(const std::string& key) const;
  /// A count that fits in 31 bits.
  [[nodiscard]] std::int32_t small_count(const std::string& key) const;
  /// `size` counts that fit in 31 bits, separated by commas.
  [[nodiscard]] std::vector<std::int32_t> small_counts(const std::string& key,
                                                       std::size_t size) const;
  /// A finite number.
  [[nodiscard]] double real(const std::string& key) const;
  /// `size` finite numbers, separated by commas.
  [[nodiscard]] std::vector<double> reals(const std::string& key, std::size_t size) const;
  /// "true" or "false"; a missing key is false.
  [[nodiscard]] bool flag(const std::string& key) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(const std::string& key) const;

  /// What errors about `key` name.
  [[nodiscard]] std::string place(std::string_view key) const;

 private:
  [[nodiscard]] std::vector<std::string> parts(const std::string& key, std::size_t size) const;

  const Metadata& metadata_;
  const std::string& where_;
};

}  // namespace sluice::stream

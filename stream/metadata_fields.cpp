#include "stream/metadata_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kernels/error.h"
#include "stream/json.h"

namespace sluice::stream {
namespace {

template <typename Number>
char* write_number(char* out, std::size_t room, Number value) noexcept {
  return std::to_chars(out, out + room, value).ptr;
}

template <typename Value>
char* write_list(char* out, std::span<const Value> values) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) *out++ = ',';
    out = write_number(out, longest_text(values.first(1)), values[i]);
  }
  return out;
}

template <typename Value>
std::string text_of(const Value& value) {
  std::string text(longest_text(value), '\0');
  text.resize(static_cast<std::size_t>(write_text(text.data(), value) - text.data()));
  return text;
}

/// The whole text as a number, or nothing.
template <typename Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

double parse_real(std::string_view text, const std::string& place) {
  const auto value = parse<double>(text);
  if (!value || !std::isfinite(*value))
    throw input_error(place, in_quotes(text), "a finite number");
  return *value;
}

std::int32_t parse_small_count(std::string_view text, const std::string& place) {
  const auto value = parse<std::int32_t>(text);
  if (!value || *value < 0)
    throw input_error(place, in_quotes(text), "an integer from 0 to 2^31-1");
  return *value;
}

}  // namespace

char* write_text(char* out, std::int64_t value) noexcept {
  return write_number(out, longest_text(value), value);
}

char* write_text(char* out, double value) noexcept {
  return write_number(out, longest_text(value), value);
}

char* write_text(char* out, bool value) noexcept {
  const std::string_view text = value ? "true" : "false";
  return std::copy(text.begin(), text.end(), out);
}

char* write_text(char* out, std::span<const double> values) noexcept {
  return write_list(out, values);
}

char* write_text(char* out, std::span<const std::int32_t> values) noexcept {
  return write_list(out, values);
}

std::string to_text(std::int64_t value) {
  return text_of(value);
}

std::string to_text(double value) {
  return text_of(value);
}

std::string to_text(bool value) {
  return text_of(value);
}

std::string to_text(std::span<const double> values) {
  return text_of(values);
}

std::string to_text(std::span<const std::int32_t> values) {
  return text_of(values);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) parts.emplace_back();  // a separator at the end has an empty part behind it
  }
  return parts;
}

std::string MetadataReader::place(std::string_view key) const {
  return concat(where_, ", metadata ", in_quotes(key));
}

const std::string& MetadataReader::text(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) throw input_error(place(key), "is missing", "a value");
  return found->second;
}

std::int64_t MetadataReader::integer(const std::string& key) const {
  const std::string& value = text(key);
  const auto parsed = parse<std::int64_t>(value);
  if (!parsed) throw input_error(place(key), in_quotes(value), "an integer of 64 bits");
  return *parsed;
}

std::int64_t MetadataReader::count(const std::string& key) const {
  const std::int64_t value = integer(key);
  if (value < 0) throw input_error(place(key), concat(value), "0 or more");
  return value;
}

std::int32_t MetadataReader::small_count(const std::string& key) const {
  return parse_small_count(text(key), place(key));
}

std::vector<std::string> MetadataReader::parts(const std::string& key, std::size_t size) const {
  auto parts = split(text(key), ',');
  if (parts.size() != size)
    throw input_error(place(key), in_quotes(text(key)),
                      concat(size, " numbers, separated by commas"));
  return parts;
}

std::vector<std::int32_t> MetadataReader::small_counts(const std::string& key,
                                                       std::size_t size) const {
  std::vector<std::int32_t> values;
  for (const std::string& part : parts(key, size))
    values.push_back(parse_small_count(part, place(key)));
  return values;
}

double MetadataReader::real(const std::string& key) const {
  return parse_real(text(key), place(key));
}

std::vector<double> MetadataReader::reals(const std::string& key, std::size_t size) const {
  std::vector<double> values;
  for (const std::string& part : parts(key, size)) values.push_back(parse_real(part, place(key)));
  return values;
}

bool MetadataReader::flag(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return false;
  if (found->second != "true" && found->second != "false")
    throw input_error(place(key), in_quotes(found->second), "\"true\" or \"false\"");
  return found->second == "true";
}

std::optional<std::int64_t> MetadataReader::optional_integer(const std::string& key) const {
  if (!contains(key)) return std::nullopt;
  return integer(key);
}

}  // namespace sluice::stream

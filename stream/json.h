// A strict pull parser for the JSON that safetensors headers are made of, and the matching quoting.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::stream {

/// Reads JSON (RFC 8259) token by token, so that hostile text costs no memory beyond the strings
/// that the caller keeps. Strings must be well-formed UTF-8; numbers must be non-negative integers,
/// because a safetensors header has no others. Every member throws sluice::Error, with the byte
/// where it happened, if the text is not what the caller asks for.
class JsonReader {
 public:
  static constexpr std::size_t max_depth = 8;

  /// `text` must outlive the reader; `where` names its origin in errors.
  JsonReader(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  void begin_object();
  /// Reads the next key and its colon. False after the last member; the object is then closed.
  /// Keys are not compared with each other: the caller, who keeps them, rejects duplicates.
  [[nodiscard]] bool next_member(std::string& key);
  void begin_array();
  /// True if an element follows. False after the last one; the array is then closed.
  [[nodiscard]] bool next_element();
  [[nodiscard]] std::string string_value();
  /// A non-negative integer below 2^63, without fraction or exponent.
  [[nodiscard]] std::int64_t count_value();
  /// Only white space may follow.
  void finish();

  /// Throws sluice::Error for the place that was just read.
  [[noreturn]] void fail(std::string_view what, std::string_view expected) const;

 private:
  void skip_space() noexcept;
  [[nodiscard]] char peek() noexcept;  // '\0' at the end
  void open(char bracket);
  [[nodiscard]] bool next_item(char closing_bracket);
  void read_escape(std::string& out);
  [[nodiscard]] std::uint32_t read_hex4();

  std::string_view text_;
  std::string where_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  std::array<bool, max_depth> has_items_{};  // per open bracket: a comma must come before the next
};

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// Appends `text`, which must be UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

/// `text` in quotes for an error message: control characters escaped, long text cut, so that a
/// hostile name can neither flood nor drive a terminal.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace sluice::stream

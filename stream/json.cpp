#include "stream/json.h"

#include <algorithm>
#include <limits>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// Bytes of the well-formed UTF-8 sequence that `text` starts with (Unicode, table 3-7), or 0.
std::size_t utf8_sequence_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  if (text.empty()) return 0;
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;   // no overlong forms
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;  // no surrogates
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3f));
    put(0x80 | ((code_point >> 6) & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

}  // namespace

void JsonReader::fail(std::string_view what, std::string_view expected) const {
  throw input_error(concat(where_, ", header byte ", position_), what, expected);
}

void JsonReader::skip_space() noexcept {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (position_ < text_.size() && space(text_[position_])) ++position_;
}

char JsonReader::peek() noexcept {
  skip_space();
  return position_ < text_.size() ? text_[position_] : '\0';
}

void JsonReader::open(char bracket) {
  if (peek() != bracket) fail("not what belongs here", std::string("'") + bracket + "'");
  if (depth_ == max_depth) fail("nested too deeply", concat("at most ", max_depth, " levels"));
  has_items_[depth_++] = false;
  ++position_;
}

bool JsonReader::next_item(char closing_bracket) {
  const char next = peek();
  if (next == closing_bracket) {
    ++position_;
    --depth_;
    return false;
  }
  bool& has_items = has_items_[depth_ - 1];
  if (has_items) {
    if (next != ',') fail("not what belongs here", std::string("',' or '") + closing_bracket + "'");
    ++position_;
  }
  has_items = true;
  return true;
}

void JsonReader::begin_object() {
  open('{');
}

bool JsonReader::next_member(std::string& key) {
  if (!next_item('}')) return false;
  key = string_value();
  if (peek() != ':') fail("no colon after a key", "':'");
  ++position_;
  return true;
}

void JsonReader::begin_array() {
  open('[');
}

bool JsonReader::next_element() {
  return next_item(']');
}

std::string JsonReader::string_value() {
  if (peek() != '"') fail("not a string", "'\"'");
  ++position_;
  std::string out;
  for (;;) {
    if (position_ == text_.size()) fail("the string does not end", "'\"'");
    const char c = text_[position_];
    if (c == '"') break;
    if (c == '\\') {
      read_escape(out);
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) fail("control character in a string", "an escape");
    const std::size_t length = utf8_sequence_length(text_.substr(position_));
    if (length == 0) fail("malformed UTF-8 in a string", "UTF-8");
    out.append(text_, position_, length);
    position_ += length;
  }
  ++position_;
  return out;
}

void JsonReader::read_escape(std::string& out) {
  ++position_;  // the backslash
  const char kind = position_ < text_.size() ? text_[position_++] : '\0';
  switch (kind) {
    case '"':
    case '\\':
    case '/': out += kind; return;
    case 'b': out += '\b'; return;
    case 'f': out += '\f'; return;
    case 'n': out += '\n'; return;
    case 'r': out += '\r'; return;
    case 't': out += '\t'; return;
    case 'u': break;
    default: fail("unknown escape in a string", "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
  }
  std::uint32_t code_point = read_hex4();
  if (code_point >= 0xd800 && code_point <= 0xdbff && text_.substr(position_, 2) == "\\u") {
    position_ += 2;
    const std::uint32_t low = read_hex4();
    if (low < 0xdc00 || low > 0xdfff) fail("half of a surrogate pair", "the other half");
    code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code_point >= 0xd800 && code_point <= 0xdfff)
    fail("half of a surrogate pair", "the other half");
  append_utf8(out, code_point);
}

std::uint32_t JsonReader::read_hex4() {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = position_ < text_.size() ? text_[position_] : '\0';
    std::uint32_t digit = 0;
    if (is_digit(c))
      digit = static_cast<std::uint32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<std::uint32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<std::uint32_t>(c - 'A' + 10);
    else
      fail("incomplete \\u escape", "four hexadecimal digits");
    value = value * 16 + digit;
    ++position_;
  }
  return value;
}

std::int64_t JsonReader::count_value() {
  constexpr std::string_view expected = "a non-negative integer below 2^63";
  if (!is_digit(peek())) fail("not a number that belongs here", expected);
  const std::size_t first = position_;
  std::int64_t value = 0;
  for (; position_ < text_.size() && is_digit(text_[position_]); ++position_) {
    const std::int64_t digit = text_[position_] - '0';
    if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10)
      fail("a number that is too large", expected);
    value = value * 10 + digit;
  }
  if (text_[first] == '0' && position_ - first > 1) fail("a number with a leading zero", expected);
  const char next = position_ < text_.size() ? text_[position_] : '\0';
  if (next == '.' || next == 'e' || next == 'E') fail("not an integer", expected);
  return value;
}

void JsonReader::finish() {
  skip_space();
  if (position_ != text_.size()) fail("text after the end of the header", "white space only");
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::size_t length = std::min(longest, text.size());
  // Don't cut a character in half.
  while (length > 0 && length < text.size() &&
         (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;
  std::string out;
  append_json_string(out, text.substr(0, length));
  if (length < text.size()) out += "…";
  return out;
}

}  // namespace sluice::stream

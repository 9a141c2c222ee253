// Takes a text apart: lines of a header, and the numbers after it.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace sluice::stream {

/// A whole word as a number: "1", "-2.5e-3", "+3", "nan", "-inf". Nothing if it is none.
template <typename Number = double>
[[nodiscard]] std::optional<Number> parse_word(std::string_view word) noexcept {
  if (word.size() > 1 && word.front() == '+' && word[1] != '-') word.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// Reads forward through a text that outlives it.
class WordReader {
 public:
  explicit WordReader(std::string_view text) noexcept : rest_(text) {}

  /// Up to the next line feed, without it and without a carriage return before it. Nothing at the
  /// end of the text.
  [[nodiscard]] std::optional<std::string_view> line() noexcept {
    if (rest_.empty()) return std::nullopt;
    const std::size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  /// The next run of characters that are no white space; empty at the end of the text.
  [[nodiscard]] std::string_view word() noexcept {
    std::size_t begin = 0;
    while (begin < rest_.size() && is_space(rest_[begin])) ++begin;
    std::size_t end = begin;
    while (end < rest_.size() && !is_space(rest_[end])) ++end;
    const std::string_view word = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return word;
  }

  /// What has not been read.
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  static bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

  std::string_view rest_;
};

[[nodiscard]] inline std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  WordReader reader(line);
  for (auto word = reader.word(); !word.empty(); word = reader.word()) words.push_back(word);
  return words;
}

}  // namespace sluice::stream

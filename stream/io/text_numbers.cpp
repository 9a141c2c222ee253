#include "stream/io/text_numbers.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <system_error>

#include "kernels/error.h"

namespace sluice::stream {

namespace fs = std::filesystem;

std::string read_text_file(const fs::path& path, std::size_t most_bytes) {
  const std::string where = path.string();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw input_error(where, "no such file");
  if (!fs::is_regular_file(status)) throw input_error(where, "is not a file", "a text file");
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) throw input_error(where, "can't be read: " + error.message(), "a text file");
  if (size > most_bytes)
    throw input_error(where, concat("has ", size, " bytes"),
                      concat("a text file of at most ", most_bytes));
  std::string text(static_cast<std::size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size())))
    throw input_error(where, "can't be read", "a text file");
  return text;
}

std::vector<std::string_view> split_words(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  std::vector<std::string_view> words;
  for (std::size_t start = text.find_first_not_of(space); start != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(space, start), text.size());
    words.push_back(text.substr(start, end - start));
    start = text.find_first_not_of(space, end);
  }
  return words;
}

std::optional<double> parse_number(std::string_view word) {
  // from_chars knows no plus sign.
  if (word.starts_with('+') && !word.starts_with("+-")) word.remove_prefix(1);
  double value = 0;
  const char* const end = word.data() + word.size();
  const auto [rest, failure] = std::from_chars(word.data(), end, value);
  if (failure != std::errc{}) return std::nullopt;
  if (rest != end && *rest == '#') return std::numeric_limits<double>::quiet_NaN();
  if (rest != end) return std::nullopt;
  return value;
}

}  // namespace sluice::stream

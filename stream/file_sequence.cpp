#include "stream/file_sequence.h"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <system_error>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// Takes the run of digits at the front of `text`, without leading zeros.
std::string_view take_number(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  std::string_view number = text.substr(0, length);
  text.remove_prefix(length);
  while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
  return number;
}

/// "frame-000150.color.png" → "frame-#.color.png"
std::string series_of(const fs::path& path) {
  const std::string name = path.filename().string();
  std::string_view rest = name;
  std::string series;
  while (!rest.empty()) {
    if (is_digit(rest.front())) {
      (void)take_number(rest);
      series += '#';
    } else {
      series += rest.front();
      rest.remove_prefix(1);
    }
  }
  return series;
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  const auto whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const auto number_a = take_number(a), number_b = take_number(b);
      if (number_a.size() != number_b.size()) return number_a.size() < number_b.size();
      if (number_a != number_b) return number_a < number_b;
    } else if (a.front() != b.front()) {
      return a.front() < b.front();
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;
}

void sort_naturally(std::vector<fs::path>& files) {
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.native(), b.native());
  });
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? fs::path(".") : folder, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) files.push_back(folder / it->path().filename());
  }
  return files;
}

std::vector<fs::path> files_matching(const std::string& pattern) {
  glob_t found{};
  std::vector<fs::path> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code ignored;
      if (fs::is_regular_file(found.gl_pathv[i], ignored)) files.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  return files;
}

void require_one_series(const fs::path& folder, const std::vector<fs::path>& files,
                        std::string_view expected) {
  std::map<std::string, int> series;
  for (const fs::path& file : files) ++series[series_of(file)];
  std::string several;
  int count = 0;
  for (const auto& [name, members] : series) {
    if (members < 2) continue;
    several += concat(count++ == 0 ? "" : ", ", name, " (", members, " files)");
  }
  if (count > 1)
    throw input_error(folder.string(), concat("holds several series: ", several), expected);
}

}  // namespace sluice::stream

#include "stream/io/image_sequence.h"

#include <glob.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <regex>
#include <string_view>
#include <system_error>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> image_extensions{".png",  ".jpg", ".jpeg", ".bmp",
                                                            ".webp", ".tif", ".tiff", ".ppm",
                                                            ".pgm",  ".tga", ".jp2",  ".exr"};
constexpr std::string_view image_kinds = "images (png, jpg, bmp, webp, tiff, ppm, tga, jp2, exr)";

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(image_extensions.begin(), image_extensions.end(), extension) !=
         image_extensions.end();
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

/// Orders names as people do: runs of digits compare as numbers.
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

void sort_by_name(std::vector<fs::path>& files) {
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.native(), b.native());
  });
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

/// A printf pattern's file name, split around its one "%d", "%5d" or "%05d".
struct NumberPattern {
  std::string before, after;
  std::size_t width = 0;
};

std::optional<NumberPattern> parse_number_pattern(const std::string& name) {
  static const std::regex conversion("%0?([0-9]{0,2})d");
  std::smatch match;
  if (!std::regex_search(name, match, conversion)) return std::nullopt;
  const std::string width = match[1].str();
  return NumberPattern{match.prefix().str(), match.suffix().str(),
                       width.empty() ? 0 : static_cast<std::size_t>(std::stoi(width))};
}

bool fits(const NumberPattern& pattern, const std::string& name) {
  if (!name.starts_with(pattern.before) || !name.ends_with(pattern.after)) return false;
  const std::size_t around = pattern.before.size() + pattern.after.size();
  if (name.size() <= around || name.size() - around < pattern.width) return false;
  const auto number = std::string_view(name).substr(pattern.before.size(), name.size() - around);
  return std::all_of(number.begin(), number.end(), is_digit);
}

/// The regular files in `folder`; none if it can't be read.
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

std::vector<fs::path> list_folder(const fs::path& folder) {
  std::vector<fs::path> images;
  std::map<std::string, int> series;
  for (const fs::path& file : files_in(folder)) {
    if (!is_image(file)) continue;
    images.push_back(file);
    ++series[series_of(file)];
  }
  std::string several;
  int count = 0;
  for (const auto& [name, files] : series) {
    if (files < 2) continue;
    several += concat(count++ == 0 ? "" : ", ", name, " (", files, " files)");
  }
  if (count > 1) {
    throw input_error(folder.string(), concat("holds several series of images: ", several),
                      "one series, or a pattern such as frame-%06d.png that names one");
  }
  return images;
}

std::vector<fs::path> list_numbered(const fs::path& folder, const NumberPattern& pattern) {
  std::vector<fs::path> images;
  for (const fs::path& file : files_in(folder)) {
    if (fits(pattern, file.filename().string())) images.push_back(file);
  }
  return images;
}

std::vector<fs::path> list_glob(const std::string& pattern) {
  glob_t found{};
  std::vector<fs::path> images;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code ignored;
      if (fs::is_regular_file(found.gl_pathv[i], ignored)) images.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  return images;
}

}  // namespace

bool is_image_sequence(const std::string& input) {
  std::error_code error;
  if (fs::is_directory(input, error)) return true;
  if (fs::exists(input, error)) return false;
  return input.find_first_of("*?[") != std::string::npos ||
         parse_number_pattern(fs::path(input).filename().string()).has_value();
}

std::vector<fs::path> list_image_sequence(const std::string& input) {
  std::error_code error;
  std::vector<fs::path> images;
  if (fs::is_directory(input, error)) {
    images = list_folder(input);
    if (images.empty()) {
      throw input_error(input, "is a folder without images", concat("a folder of ", image_kinds));
    }
  } else if (const auto pattern = parse_number_pattern(fs::path(input).filename().string())) {
    images = list_numbered(fs::path(input).parent_path(), *pattern);
  } else {
    images = list_glob(input);
  }
  if (images.empty()) throw input_error(input, "no file fits this pattern", image_kinds.data());
  sort_by_name(images);
  return images;
}

}  // namespace sluice::stream

#include "stream/io/image_sequence.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <regex>
#include <string_view>
#include <system_error>

#include "kernels/error.h"
#include "stream/file_sequence.h"

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

std::vector<fs::path> list_folder(const fs::path& folder) {
  std::vector<fs::path> images = files_in(folder);
  std::erase_if(images, [](const fs::path& file) { return !is_image(file); });
  require_one_series(folder, images,
                     "one series of images, or a pattern such as frame-%06d.png that names one");
  return images;
}

std::vector<fs::path> list_numbered(const fs::path& folder, const NumberPattern& pattern) {
  std::vector<fs::path> images;
  for (const fs::path& file : files_in(folder)) {
    if (fits(pattern, file.filename().string())) images.push_back(file);
  }
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
    images = files_matching(input);
  }
  if (images.empty()) throw input_error(input, "no file fits this pattern", image_kinds.data());
  sort_naturally(images);
  return images;
}

}  // namespace sluice::stream

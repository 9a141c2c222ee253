#include "stream/open3d/cloud_sequence.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <system_error>

#include "kernels/error.h"
#include "stream/file_sequence.h"
#include "stream/open3d/cloud_file.h"
#include "stream/open3d/word_reader.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view expected = "a .ply or .pcd file, a folder of them, or a pattern";

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// "cloud-0150.part" → 150; nothing without digits, or if they are too many.
std::optional<std::int64_t> last_number(std::string_view name) {
  constexpr std::string_view digits = "0123456789";
  const std::size_t last = name.find_last_of(digits);
  if (last == std::string_view::npos) return std::nullopt;
  const std::size_t before = name.find_last_not_of(digits, last);
  const std::size_t first = before == std::string_view::npos ? 0 : before + 1;
  return parse_word<std::int64_t>(name.substr(first, last + 1 - first));
}

/// "1305031102.175304" → 1305031102.175304; nothing unless it is digits, a point and digits.
std::optional<double> time_of(std::string_view name) {
  if (std::count(name.begin(), name.end(), '.') != 1 || !is_digit(name.front()) ||
      !is_digit(name.back()) ||
      !std::all_of(name.begin(), name.end(), [](char c) { return is_digit(c) || c == '.'; }))
    return std::nullopt;
  return parse_word(name);
}

std::vector<fs::path> clouds_in(const fs::path& folder) {
  std::vector<fs::path> files = files_in(folder);
  std::erase_if(files, [](const fs::path& file) { return !is_cloud_file(file); });
  return files;
}

std::vector<fs::path> find_files(const std::string& input) {
  std::error_code error;
  std::vector<fs::path> files;
  if (fs::is_directory(input, error)) {
    files = clouds_in(input);
    require_one_series(input, files, "one series of clouds, or a pattern that names one");
    if (files.empty()) throw input_error(input, "is a folder without clouds", expected);
  } else if (fs::exists(input, error)) {
    files = {input};
  } else {
    files = files_matching(input);
    if (files.empty()) throw input_error(input, "no such file", expected);
  }
  sort_naturally(files);
  return files;
}

template <typename Value>
bool all_ascend(const std::vector<CloudEntry>& clouds, std::optional<Value> CloudEntry::*member) {
  for (std::size_t i = 0; i < clouds.size(); ++i)
    if (!(clouds[i].*member) || (i > 0 && *(clouds[i].*member) <= *(clouds[i - 1].*member)))
      return false;
  return true;
}

}  // namespace

bool is_cloud_input(const std::string& input) {
  std::error_code error;
  if (fs::is_directory(input, error)) return !clouds_in(input).empty();
  return is_cloud_file(input);
}

std::vector<CloudEntry> list_clouds(const std::string& input, double frame_rate) {
  if (!(frame_rate > 0) || !std::isfinite(frame_rate))
    throw input_error("frame rate", concat(frame_rate), "a positive number of clouds per second");
  std::vector<CloudEntry> clouds;
  for (fs::path& path : find_files(input)) {
    const std::string name = path.stem().string();
    clouds.push_back({std::move(path), 0, last_number(name), time_of(name)});
  }
  const bool times = all_ascend(clouds, &CloudEntry::time_s);
  const bool numbers = all_ascend(clouds, &CloudEntry::number);
  for (std::size_t i = 0; i < clouds.size(); ++i) {
    CloudEntry& cloud = clouds[i];
    if (!times) cloud.time_s.reset();
    if (times)
      cloud.pts = *cloud.time_s - *clouds.front().time_s;
    else if (numbers)
      cloud.pts = static_cast<double>(*cloud.number - *clouds.front().number) / frame_rate;
    else
      cloud.pts = static_cast<double>(i) / frame_rate;
  }
  return clouds;
}

}  // namespace sluice::stream

#include "stream/open3d/cloud_poses.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "kernels/error.h"
#include "stream/open3d/word_reader.h"
#include "stream/pose.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr double association_s = 0.02;

struct PoseLine {
  std::optional<double> time_s;
  std::optional<Pose> pose;  ///< nothing if it is not finite or not rigid
};

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) throw input_error(path.string(), "can't be read", "a text with poses");
  return text;
}

fs::path pose_file_of(const fs::path& cloud) {
  return cloud.parent_path() / (cloud.stem().string() + ".pose.txt");
}

/// Nothing if a word is no number.
std::optional<std::vector<double>> numbers_of(std::string_view text) {
  std::vector<double> numbers;
  for (const std::string_view word : words_of(text)) {
    const auto number = parse_word(word);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::optional<Pose> rigid_or_nothing(const Pose& pose) {
  return is_rigid(pose) ? std::optional(pose) : std::nullopt;
}

/// The upper three rows, or all four.
std::optional<Pose> from_matrix(const std::vector<double>& numbers) {
  Pose pose = identity_pose();
  std::copy(numbers.begin(), numbers.end(), pose.begin());
  return rigid_or_nothing(pose);
}

std::optional<Pose> from_quaternion(const std::vector<double>& n, std::string_view where) {
  const double squared = n[4] * n[4] + n[5] * n[5] + n[6] * n[6] + n[7] * n[7];
  if (!(squared > 1e-6)) return std::nullopt;  // trackers write zeros where they were lost
  return rigid_or_nothing(pose_from_quaternion({n[1], n[2], n[3]}, n[4], n[5], n[6], n[7], where));
}

std::optional<PoseLine> parse_line(std::string_view line, std::string_view where) {
  const auto numbers = numbers_of(line);
  if (!numbers) return std::nullopt;
  if (numbers->size() == 12) return PoseLine{std::nullopt, from_matrix(*numbers)};
  if (numbers->size() == 8) return PoseLine{numbers->front(), from_quaternion(*numbers, where)};
  return std::nullopt;
}

std::vector<PoseLine> read_lines(const fs::path& path) {
  const std::string text = read_text(path);
  WordReader reader(text);
  std::vector<PoseLine> poses;
  for (int number = 1;; ++number) {
    const auto line = reader.line();
    if (!line) break;
    const auto words = words_of(*line);
    if (words.empty() || words[0].starts_with('#')) continue;
    const std::string where = concat(path.string(), ", line ", number);
    const auto pose = parse_line(*line, where);
    if (!pose)
      throw input_error(where, concat("is '", line->substr(0, 60), "'"),
                        "12 numbers (KITTI), or time tx ty tz qx qy qz qw (TUM)");
    if (!poses.empty() && pose->time_s.has_value() != poses.front().time_s.has_value())
      throw input_error(where, "is of another kind than the lines before", "one kind throughout");
    poses.push_back(*pose);
  }
  return poses;
}

const PoseLine* nearest_in_time(const std::vector<PoseLine>& lines, double time_s) {
  const auto distance = [&](const PoseLine& line) { return std::abs(*line.time_s - time_s); };
  const auto nearest = std::min_element(
      lines.begin(), lines.end(),
      [&](const PoseLine& a, const PoseLine& b) { return distance(a) < distance(b); });
  // A whole nanosecond more: times of 10^9 seconds are not precise.
  return distance(*nearest) <= association_s + 1e-6 ? &*nearest : nullptr;
}

/// Which line is whose.
std::vector<const PoseLine*> assign(const std::vector<PoseLine>& lines,
                                    const std::vector<CloudEntry>& clouds, const fs::path& path) {
  if (lines.empty()) throw input_error(path.string(), "holds no poses", "a line per cloud");
  const auto count = static_cast<std::int64_t>(lines.size());
  const bool by_time = lines.front().time_s && clouds.front().time_s;
  const bool by_order = lines.size() == clouds.size();
  const bool by_number = std::all_of(clouds.begin(), clouds.end(), [&](const CloudEntry& cloud) {
    return cloud.number && *cloud.number >= 0 && *cloud.number < count;
  });
  if (!by_time && !by_order && !by_number)
    throw input_error(path.string(),
                      concat("holds ", count, " poses for ", clouds.size(), " clouds"),
                      "a line per cloud, or clouds that are numbered like the lines, from 0");
  std::vector<const PoseLine*> assigned;
  for (std::size_t i = 0; i < clouds.size(); ++i) {
    if (by_time)
      assigned.push_back(nearest_in_time(lines, *clouds[i].time_s));
    else
      assigned.push_back(&lines[by_order ? i : static_cast<std::size_t>(*clouds[i].number)]);
  }
  return assigned;
}

CloudPoses poses_from_list(const fs::path& path, const std::vector<CloudEntry>& clouds) {
  const std::vector<PoseLine> lines = read_lines(path);
  CloudPoses poses;
  for (const PoseLine* line : assign(lines, clouds, path))
    poses.pose.push_back(line != nullptr ? line->pose : std::nullopt);
  return poses;
}

CloudPoses poses_from_files(const std::vector<CloudEntry>& clouds) {
  CloudPoses poses;
  std::error_code error;
  for (const CloudEntry& cloud : clouds) {
    const fs::path path = pose_file_of(cloud.path);
    poses.pose.emplace_back();
    if (!fs::is_regular_file(path, error)) continue;
    const auto numbers = numbers_of(read_text(path));
    if (!numbers || numbers->size() != 16)
      throw input_error(path.string(), "is no pose", "4×4 numbers");
    poses.pose.back() = from_matrix(*numbers);
  }
  return poses;
}

}  // namespace

std::optional<CloudPoses> find_cloud_poses(const std::vector<CloudEntry>& clouds) {
  std::error_code error;
  const bool has_files = std::any_of(clouds.begin(), clouds.end(), [&](const CloudEntry& cloud) {
    return fs::is_regular_file(pose_file_of(cloud.path), error);
  });
  const fs::path list = clouds.front().path.parent_path() / "poses.txt";
  if (!has_files && !fs::is_regular_file(list, error)) return std::nullopt;
  CloudPoses poses = has_files ? poses_from_files(clouds) : poses_from_list(list, clouds);
  const auto unknown = std::count(poses.pose.begin(), poses.pose.end(), std::nullopt);
  if (unknown > 0)
    poses.notes.push_back(concat(unknown, " of ", clouds.size(),
                                 " clouds have no pose, or one that is no rigid transform"));
  return poses;
}

}  // namespace sluice::stream

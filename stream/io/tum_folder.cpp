#include "stream/io/tum_folder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "stream/io/text_numbers.h"
#include "stream/json.h"
#include "stream/pose.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_list_bytes = std::size_t{256} << 20;
constexpr double tum_units_per_metre = 5000;

struct TimedFile {
  double time = 0;
  std::string name;
};
struct TimedPose {
  double time = 0;
  Pose pose{};
};

/// Calls take(words, place) for every line that is neither empty nor a comment.
template <typename Take>
void for_each_line(const fs::path& path, Take&& take) {
  const std::string text = read_text_file(path, most_list_bytes);
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const auto words = split_words(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (words.empty() || words.front().starts_with('#')) continue;
    take(words, concat(path.string(), ":", number));
  }
}

template <typename Timed>
void sort_by_time(std::vector<Timed>& list) {
  std::stable_sort(list.begin(), list.end(),
                   [](const Timed& a, const Timed& b) { return a.time < b.time; });
}

std::vector<TimedFile> read_files(const fs::path& path, ProblemLog& problems) {
  std::vector<TimedFile> files;
  for_each_line(path, [&](const std::vector<std::string_view>& words, const std::string& place) {
    const auto time = parse_number(words.front());
    if (words.size() == 2 && time && std::isfinite(*time)) {
      files.push_back({*time, std::string(words[1])});
    } else {
      problems.add(input_error(place, "line skipped", "a time in seconds and a file").what());
    }
  });
  if (files.empty())
    throw input_error(path.string(), "names no files", "lines of a time in seconds and a file");
  sort_by_time(files);
  return files;
}

std::optional<TimedPose> parse_pose(const std::vector<std::string_view>& words,
                                    const std::string& place) {
  std::array<double, 8> values{};
  if (words.size() != values.size()) return std::nullopt;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = parse_number(words[i]);
    if (!value || !std::isfinite(*value)) return std::nullopt;
    values[i] = *value;
  }
  const auto& [time, x, y, z, qx, qy, qz, qw] = values;
  // Lengths far from 1 are no rounding: these are other numbers than a quaternion.
  const double length = std::sqrt(qx * qx + qy * qy + qz * qz + qw * qw);
  if (std::abs(length - 1) > 0.1) return std::nullopt;
  return TimedPose{time, pose_from_quaternion({x, y, z}, qx, qy, qz, qw, place)};
}

std::vector<TimedPose> read_trajectory(const fs::path& path, ProblemLog& problems) {
  std::vector<TimedPose> trajectory;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    problems.add(path.string() + ": no such file, so that poses are unknown");
    return trajectory;
  }
  for_each_line(path, [&](const std::vector<std::string_view>& words, const std::string& place) {
    if (const auto pose = parse_pose(words, place)) {
      trajectory.push_back(*pose);
    } else {
      problems.add(
          input_error(place, "no pose", "time tx ty tz qx qy qz qw, finite, with a unit quaternion")
              .what());
    }
  });
  sort_by_time(trajectory);
  return trajectory;
}

/// For each of `a` its partner in `b`, or −1: the closest pairs first, ties to the earliest.
std::vector<std::ptrdiff_t> associate(const std::vector<TimedFile>& a,
                                      const std::vector<TimedFile>& b, double tolerance_s) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> candidates;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    while (begin < b.size() && b[begin].time < a[i].time - tolerance_s) ++begin;
    for (std::size_t j = begin; j < b.size() && b[j].time <= a[i].time + tolerance_s; ++j)
      candidates.emplace_back(std::abs(a[i].time - b[j].time), i, j);
  }
  std::sort(candidates.begin(), candidates.end());
  std::vector<std::ptrdiff_t> partner(a.size(), -1);
  std::vector<bool> taken(b.size(), false);
  for (const auto& [apart, i, j] : candidates) {
    if (partner[i] >= 0 || taken[j]) continue;
    partner[i] = static_cast<std::ptrdiff_t>(j);
    taken[j] = true;
  }
  return partner;
}

std::optional<Pose> nearest_pose(const std::vector<TimedPose>& trajectory, double time,
                                 double tolerance_s) {
  const auto after =
      std::lower_bound(trajectory.begin(), trajectory.end(), time,
                       [](const TimedPose& pose, double wanted) { return pose.time < wanted; });
  auto nearest = after;
  if (after != trajectory.begin() &&
      (after == trajectory.end() || time - std::prev(after)->time <= after->time - time))
    nearest = std::prev(after);
  if (nearest == trajectory.end() || std::abs(nearest->time - time) > tolerance_s)
    return std::nullopt;
  return nearest->pose;
}

/// As published with the benchmark, for its 640×480 pictures.
std::optional<NamedCamera> published_camera(const fs::path& folder) {
  struct Published {
    std::string_view name;
    Intrinsics intrinsics;
  };
  constexpr std::array<Published, 3> cameras{{{"freiburg1", {517.3, 516.5, 318.6, 255.3}},
                                              {"freiburg2", {520.9, 521.0, 325.1, 249.7}},
                                              {"freiburg3", {535.4, 539.2, 320.1, 247.6}}}};
  std::error_code error;
  const std::string path = fs::weakly_canonical(folder, error).filename().string();
  for (const Published& camera : cameras)
    if (path.find(camera.name) != std::string::npos)
      return NamedCamera{{camera.intrinsics, 640, 480},
                         concat("the published camera ", camera.name)};
  return std::nullopt;
}

void note_alone(std::int64_t alone, std::size_t all, std::string_view what, double tolerance_s,
                ProblemLog& problems) {
  if (alone > 0) problems.add(concat(alone, " of ", all, " ", what, " within ", tolerance_s, " s"));
}

void add_frames(const std::vector<TimedFile>& colour, const std::vector<TimedFile>& depth,
                const std::vector<TimedPose>& trajectory, double tolerance_s, RgbdIndex& index) {
  const auto partner = associate(colour, depth, tolerance_s);
  index.pictures = static_cast<std::int64_t>(colour.size());
  std::optional<double> start;
  std::int64_t without_pose = 0;
  for (std::size_t i = 0; i < colour.size(); ++i) {
    if (partner[i] < 0) {
      ++index.incomplete;
      continue;
    }
    const TimedFile& depth_file = depth[static_cast<std::size_t>(partner[i])];
    if (!start) start = colour[i].time;
    RgbdFiles frame{index.folder / colour[i].name, index.folder / depth_file.name,
                    static_cast<std::int64_t>(i), colour[i].time - *start,
                    nearest_pose(trajectory, colour[i].time, tolerance_s)};
    if (!frame.pose) ++without_pose;
    index.frames.push_back(std::move(frame));
  }
  note_alone(index.incomplete, colour.size(), "pictures skipped: no depth image", tolerance_s,
             index.problems);
  if (!trajectory.empty())
    note_alone(without_pose, index.frames.size(), "frames without a pose: none", tolerance_s,
               index.problems);
}

}  // namespace

bool is_tum_folder(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / "rgb.txt", error) &&
         fs::is_regular_file(folder / "depth.txt", error);
}

RgbdIndex index_tum_folder(const fs::path& folder, double association_s) {
  if (!(association_s >= 0 && association_s <= 10))
    throw input_error(folder.string(), concat("an association within ", association_s, " s"),
                      "0 to 10 s");
  RgbdIndex index;
  index.folder = folder;
  index.encoding.units_per_metre = tum_units_per_metre;
  const auto colour = read_files(folder / "rgb.txt", index.problems);
  const auto depth = read_files(folder / "depth.txt", index.problems);
  const auto trajectory = read_trajectory(folder / "groundtruth.txt", index.problems);
  add_frames(colour, depth, trajectory, association_s, index);
  if (index.frames.empty())
    throw input_error(folder.string(), "no picture of rgb.txt goes with a depth image of depth.txt",
                      concat("times at most ", association_s, " s apart"));
  index.published_camera = published_camera(folder);
  return index;
}

}  // namespace sluice::stream

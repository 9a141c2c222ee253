#include "stream/io/rgbd_folder.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "kernels/error.h"
#include "stream/io/camera_file.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view layout =
    "frame-NNNNNN.color.png (or .jpg), frame-NNNNNN.depth.png and frame-NNNNNN.pose.txt";

/// The files of one number; an empty name for one that is missing.
struct NumberedFiles {
  std::string colour, depth, pose;
};
using FilesByNumber = std::map<std::int64_t, NumberedFiles>;

enum class Part { colour, depth, pose };

struct ParsedName {
  std::int64_t number = 0;
  Part part = Part::colour;
};

std::optional<Part> part_of(std::string_view suffix) {
  if (suffix == ".color.png" || suffix == ".color.jpg" || suffix == ".color.jpeg")
    return Part::colour;
  if (suffix == ".depth.png") return Part::depth;
  if (suffix == ".pose.txt") return Part::pose;
  return std::nullopt;
}

/// "frame-000150.color.png" → 150, colour.
std::optional<ParsedName> parse_name(std::string_view name) {
  constexpr std::string_view prefix = "frame-";
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  ParsedName parsed;
  const auto [rest, failure] =
      std::from_chars(name.data(), name.data() + name.size(), parsed.number);
  if (failure != std::errc{} || parsed.number < 0 || name.starts_with('-')) return std::nullopt;
  const auto part = part_of(name.substr(static_cast<std::size_t>(rest - name.data())));
  if (!part) return std::nullopt;
  parsed.part = *part;
  return parsed;
}

std::string& file_of(NumberedFiles& files, Part part) {
  return part == Part::colour ? files.colour : part == Part::depth ? files.depth : files.pose;
}

/// The names in `folder`, sorted, so that nothing depends on the file system's order.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) throw input_error(folder.string(), "can't be read: " + error.message(), "a folder");
  std::sort(names.begin(), names.end());
  return names;
}

FilesByNumber list_files(const fs::path& folder, ProblemLog& problems) {
  FilesByNumber files;
  for (const std::string& name : names_in(folder)) {
    const auto parsed = parse_name(name);
    if (!parsed) continue;
    std::string& file = file_of(files[parsed->number], parsed->part);
    if (file.empty()) {
      file = name;
    } else {
      problems.add(concat(name, " has the number of ", file, ", and is ignored"));
    }
  }
  return files;
}

bool holds_frames(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto parsed = parse_name(it->path().filename().string());
    if (parsed && parsed->part != Part::pose) return true;
  }
  return false;
}

/// `folder`, or the folder "rgbd" in it.
fs::path frames_folder(const fs::path& folder) {
  const fs::path inside = folder / "rgbd";
  return !holds_frames(folder) && holds_frames(inside) ? inside : folder;
}

/// Notes and counts a frame that lacks colour or depth. A pose alone is no frame.
bool is_complete(const NumberedFiles& files, RgbdIndex& index) {
  if (!files.colour.empty() && !files.depth.empty()) return true;
  if (files.colour.empty() && files.depth.empty()) return false;
  const bool lacks_depth = files.depth.empty();
  const fs::path there = index.folder / (lacks_depth ? files.colour : files.depth);
  index.problems.add(concat("frame skipped: ", there.string(), " has no ",
                            lacks_depth ? "depth image" : "colour picture", " beside it"));
  ++index.incomplete;
  return false;
}

std::optional<Pose> read_pose_or_note(const NumberedFiles& files, RgbdIndex& index) {
  if (files.pose.empty()) {
    index.problems.add(concat("frame without a pose: ", (index.folder / files.colour).string(),
                              " has no pose file beside it"));
    return std::nullopt;
  }
  try {
    return read_pose(index.folder / files.pose);
  } catch (const Error& error) {
    if (error.kind() == Error::Kind::system) throw;
    index.problems.add(concat("frame without a pose: ", error.what()));
    return std::nullopt;
  }
}

void add_frames(const FilesByNumber& files, double frame_rate, RgbdIndex& index) {
  const bool has_poses = std::any_of(files.begin(), files.end(),
                                     [](const auto& entry) { return !entry.second.pose.empty(); });
  if (!has_poses) index.problems.add(index.folder.string() + " has no pose files");
  std::optional<std::int64_t> first;
  for (const auto& [number, parts] : files) {
    const std::int64_t picture = index.pictures;
    if (!parts.colour.empty()) ++index.pictures;
    if (!is_complete(parts, index)) continue;
    if (!first) first = number;
    index.frames.push_back({index.folder / parts.colour, index.folder / parts.depth, picture,
                            static_cast<double>(number - *first) / frame_rate,
                            has_poses ? read_pose_or_note(parts, index) : std::nullopt});
  }
}

}  // namespace

bool is_rgbd_folder(const fs::path& folder) {
  return holds_frames(folder) || holds_frames(folder / "rgbd");
}

RgbdIndex index_rgbd_folder(const fs::path& folder, double frame_rate) {
  if (!(frame_rate > 0 && frame_rate <= 10000))
    throw input_error(folder.string(), concat(frame_rate, " frames per second"),
                      "above 0 and at most 10000");
  RgbdIndex index;
  index.folder = frames_folder(folder);
  const FilesByNumber files = list_files(index.folder, index.problems);
  add_frames(files, frame_rate, index);
  if (index.frames.empty())
    throw input_error(folder.string(),
                      files.empty() ? "holds no RGB-D frames"
                                    : "holds no frame with both a colour and a depth image",
                      layout);
  return index;
}

}  // namespace sluice::stream

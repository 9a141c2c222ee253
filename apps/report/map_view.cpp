#include "apps/report/map_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/report/report_blocks.h"
#include "apps/report/spatial_statistics.h"
#include "apps/report/thumbnails.h"
#include "apps/report/time_axis.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::SpatialTrace;
using stream::SpatialTraceVoxel;
using stream::Vec3;

/// A finer lattice is gathered, so that a page stays small for maps of any size.
constexpr double max_cells_across = 360;
/// Views grow no higher than this on the page.
constexpr double max_height_px = 520;
/// Shades by which near and far cells are told apart.
constexpr int depth_levels = 3;

struct Range {
  double low = 0, high = 0;
  [[nodiscard]] double size() const noexcept { return high - low; }
};

Vec3 place_of(const SpatialTraceVoxel& voxel) noexcept {
  return {voxel.x, voxel.y, voxel.z};
}

/// Where nearly all of the values lie: a few stray voxels shall not shrink the rest to a dot.
Range bulk_of(std::vector<double>& values) {
  const std::size_t stray = values.size() / 200;
  const auto rank = [&](std::size_t index) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(index);
    std::nth_element(values.begin(), place, values.end());
    return *place;
  };
  const double low = rank(stray);
  return {low, rank(values.size() - 1 - stray)};
}

Range bulk_along(const SpatialTrace& trace, SignedAxis axis) {
  std::vector<double> values;
  values.reserve(trace.voxels.size());
  for (const auto& voxel : trace.voxels) values.push_back(axis.along(place_of(voxel)));
  return bulk_of(values);
}

/// The poses that say where a sensor was. Those of clouds that lie in one world already say
/// nothing.
std::vector<const stream::Pose*> sensor_poses(const SpatialTrace& trace) {
  std::vector<const stream::Pose*> poses;
  for (const auto& frame : trace.frames)
    if (frame.pose) poses.push_back(&*frame.pose);
  const auto is_identity = [](const stream::Pose* pose) {
    return *pose == stream::identity_pose();
  };
  if (is_cloud(trace) && std::all_of(poses.begin(), poses.end(), is_identity)) poses.clear();
  return poses;
}

/// The voxels along an axis, and the camera as far as it stays near them.
Range shown_along(const SpatialTrace& trace, SignedAxis axis) {
  const Range bulk = bulk_along(trace, axis);
  const double margin = 1.5 * trace.voxel_size;
  Range shown{bulk.low - margin, bulk.high + margin};
  const double reach = bulk.size() + trace.voxel_size;
  for (const stream::Pose* const pose : sensor_poses(trace)) {
    const double camera = axis.along(stream::origin(*pose));
    shown.low = std::min(shown.low, std::max(camera - margin, bulk.low - reach));
    shown.high = std::max(shown.high, std::min(camera + margin, bulk.high + reach));
  }
  return shown;
}

/// Sum over all cameras of one of their own axes, in the world.
Vec3 camera_axis(const SpatialTrace& trace, const Vec3& direction) {
  Vec3 sum{};
  for (const auto& frame : trace.frames) {
    if (!frame.pose) continue;
    const Vec3 turned = stream::rotate(*frame.pose, direction);
    for (std::size_t i = 0; i < 3; ++i) sum[i] += turned[i];
  }
  return sum;
}

SignedAxis nearest_axis(const Vec3& direction) noexcept {
  SignedAxis nearest;
  double longest = 0;
  for (int axis = 0; axis < 3; ++axis) {
    const double part = direction[static_cast<std::size_t>(axis)];
    if (std::abs(part) <= longest) continue;
    longest = std::abs(part);
    nearest = {axis, part < 0 ? -1.0 : 1.0};
  }
  return nearest;
}

SignedAxis opposite(SignedAxis axis) noexcept {
  return {axis.axis, -axis.sign};
}

SignedAxis cross(SignedAxis a, SignedAxis b) noexcept {
  const bool cyclic = (a.axis + 1) % 3 == b.axis;
  return {3 - a.axis - b.axis, (cyclic ? 1.0 : -1.0) * a.sign * b.sign};
}

/// Cells of the picture, and what shows in each.
class CellGrid {
 public:
  CellGrid(const SpatialTrace& trace, const ViewDirections& view, double cell)
      : view_(view),
        cell_(cell),
        across_(shown_along(trace, view.right)),
        along_(shown_along(trace, view.up)),
        depth_(bulk_along(trace, view.toward)),
        columns_(std::max(1, static_cast<int>(std::ceil(across_.size() / cell)))),
        rows_(std::max(1, static_cast<int>(std::ceil(along_.size() / cell)))),
        shown_(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_), nullptr),
        gone_(shown_.size(), 0) {
    for (const auto& voxel : trace.voxels) add(voxel);
  }

  [[nodiscard]] int columns() const noexcept { return columns_; }
  [[nodiscard]] int rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t outside() const noexcept { return outside_; }

  /// In cells, from the left and from the top.
  [[nodiscard]] std::array<double, 2> place(const Vec3& point) const noexcept {
    return {(view_.right.along(point) - across_.low) / cell_,
            static_cast<double>(rows_) - (view_.up.along(point) - along_.low) / cell_};
  }

  /// Paths of all cells whose nearest voxel is of one class and depth level.
  [[nodiscard]] std::string cells_svg() const;
  [[nodiscard]] std::string gone_svg() const;

 private:
  void add(const SpatialTraceVoxel& voxel) {
    const auto [x, y] = place(place_of(voxel));
    if (!(x >= 0 && x < columns_ && y >= 0 && y < rows_)) {
      ++outside_;
      return;
    }
    const auto index = static_cast<std::size_t>(y) * static_cast<std::size_t>(columns_) +
                       static_cast<std::size_t>(x);
    if (fate_of(voxel) == SpatialFate::gone) {
      gone_[index] = 1;
      return;
    }
    const SpatialTraceVoxel*& nearest = shown_[index];
    if (nearest == nullptr || depth_along(voxel) > depth_along(*nearest)) nearest = &voxel;
  }

  [[nodiscard]] double depth_along(const SpatialTraceVoxel& voxel) const noexcept {
    return view_.toward.along(place_of(voxel));
  }

  /// 0 is farthest.
  [[nodiscard]] int level_of(const SpatialTraceVoxel& voxel) const noexcept {
    if (!(depth_.size() > 0)) return depth_levels - 1;
    const double share = (depth_along(voxel) - depth_.low) / depth_.size();
    return std::clamp(static_cast<int>(share * depth_levels), 0, depth_levels - 1);
  }

  ViewDirections view_;
  double cell_;
  Range across_, along_, depth_;
  int columns_, rows_;
  std::vector<const SpatialTraceVoxel*> shown_;  // per cell, the one nearest to the reader
  std::vector<std::uint8_t> gone_;
  std::int64_t outside_ = 0;
};

std::string_view class_of(const SpatialTraceVoxel& voxel) noexcept {
  return fate_of(voxel) == SpatialFate::kept ? style_of(voxel.reason).css_class : "unkept";
}

std::string CellGrid::cells_svg() const {
  std::map<std::pair<std::string_view, int>, std::string> paths;
  const auto path_of = [&](const SpatialTraceVoxel& voxel) {
    return &paths[{class_of(voxel), level_of(voxel)}];
  };
  for (int y = 0; y < rows_; ++y) {
    const auto* const row = shown_.data() + static_cast<std::ptrdiff_t>(y) * columns_;
    for (int x = 0; x < columns_;) {
      const int first = x++;
      if (row[first] == nullptr) continue;
      std::string* const path = path_of(*row[first]);
      while (x < columns_ && row[x] != nullptr && path_of(*row[x]) == path) ++x;
      *path += fmt::format("M{} {}h{}v1h-{}z", first, y, x - first, x - first);
    }
  }
  std::string out;
  for (const auto& [layer, path] : paths)
    out += fmt::format("<path class=\"{} depth-{}\" d=\"{}\"/>", layer.first, layer.second, path);
  return out;
}

std::string CellGrid::gone_svg() const {
  std::string path;
  for (int y = 0; y < rows_; ++y)
    for (int x = 0; x < columns_; ++x)
      if (gone_[static_cast<std::size_t>(y) * static_cast<std::size_t>(columns_) +
                static_cast<std::size_t>(x)] != 0)
        path += fmt::format("M{}.1 {}.1h.8v.8h-.8z", x, y);
  return path.empty() ? path : fmt::format("<path class=\"gone\" d=\"{}\"/>", path);
}

/// The way of the camera, and at some moments where it looks.
std::string camera_svg(const SpatialTrace& trace, const CellGrid& grid, double cell) {
  constexpr std::size_t most_points = 600, most_looks = 7;
  const auto poses = sensor_poses(trace);
  if (poses.empty()) return {};
  std::string points;
  for (const std::size_t i : evenly_chosen(poses.size(), most_points)) {
    const auto [x, y] = grid.place(stream::origin(*poses[i]));
    points += fmt::format("{:.2f},{:.2f} ", x, y);
  }
  std::string out = fmt::format("<polyline class=\"camera\" points=\"{}\"/>", points);
  const double length = 0.045 * std::max(grid.columns(), grid.rows()) * cell;
  const auto look = [&](const stream::Pose& pose) {
    const auto [x, y] = grid.place(stream::origin(pose));
    const auto [to_x, to_y] = grid.place(stream::transform(pose, {0, 0, length}));
    out += fmt::format("<path class=\"camera\" d=\"M{:.2f} {:.2f}L{:.2f} {:.2f}\"/>", x, y, to_x,
                       to_y);
  };
  if (!is_cloud(trace))
    for (const std::size_t i : evenly_chosen(poses.size(), most_looks)) look(*poses[i]);
  const auto [x, y] = grid.place(stream::origin(*poses.back()));
  out += fmt::format("<circle class=\"camera-end\" cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"{:.2f}\"/>", x,
                     y, 0.009 * std::max(grid.columns(), grid.rows()));
  return out;
}

std::string length_text(double metres) {
  return metres < 0.995 ? fmt::format("{:g} cm", std::round(metres * 1000) / 10)
                        : fmt::format("{:g} m", metres);
}

std::string view_html(const SpatialTrace& trace, const ViewDirections& view, double cell,
                      std::string_view title) {
  const CellGrid grid(trace, view, cell);
  const double width = grid.columns(), height = grid.rows();
  const double bar = tick_step(width * cell, 6);
  std::string note = fmt::format("right {}, up {}", view.right.name(), view.up.name());
  if (grid.outside() > 0) note += fmt::format("; {} voxels outside", count_text(grid.outside()));
  return fmt::format(
      "<figure class=\"map\" style=\"max-width:{:.0f}px\"><figcaption><b>{}</b> "
      "<span class=\"note\">{}</span></figcaption>\n"
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"Map, {}\">{}{}{}</svg>\n"
      "<div class=\"scale\"><i style=\"width:{:.2f}%\"></i><span>{}</span></div></figure>\n",
      max_height_px * std::max(1.0, width / height), title, note, width, height, title,
      grid.cells_svg(), grid.gone_svg(), camera_svg(trace, grid, cell), 100 * bar / (width * cell),
      length_text(bar));
}

std::string legend_html(const SpatialTrace& trace) {
  const SpatialCounts counts = count(trace);
  std::string out = "<div class=\"legend wide\">";
  const auto entry = [&](std::string_view css_class, std::string_view label, std::int64_t number) {
    if (number > 0)
      out += fmt::format("<span><i class=\"swatch {}\"></i>{} {}</span>", css_class, label,
                         count_text(number));
  };
  for (const ReasonStyle& style : spatial_reasons())
    entry(style.css_class, style.name, counts.kept_for[static_cast<std::size_t>(style.reason)]);
  entry("unkept", "Not kept", counts.voxels - counts.kept);
  entry("gone-swatch", "Gone", counts.voxels_ever - counts.voxels);
  if (!sensor_poses(trace).empty())
    out += fmt::format("<span><i class=\"swatch camera-swatch\"></i>{}</span>",
                       is_cloud(trace) ? "Sensor" : "Camera");
  return out + "</div>\n";
}

}  // namespace

std::string SignedAxis::name() const {
  constexpr std::array letters{'x', 'y', 'z'};
  return {sign < 0 ? '-' : '+', letters[static_cast<std::size_t>(axis)]};
}

MapViews choose_views(const SpatialTrace& trace) {
  const bool has_cameras = !is_cloud(trace);
  // A camera's y axis leads down.
  const Vec3 cameras_up = has_cameras ? camera_axis(trace, {0, -1, 0}) : Vec3{};
  const bool knows_up = std::hypot(cameras_up[0], cameras_up[1], cameras_up[2]) > 0;
  const SignedAxis up = nearest_axis(knows_up ? cameras_up : Vec3{0, 0, 1});

  SignedAxis right{(up.axis + 1) % 3, 1}, other{(up.axis + 2) % 3, 1};
  if (!trace.voxels.empty() && bulk_along(trace, other).size() > bulk_along(trace, right).size())
    std::swap(right, other);
  const Vec3 cameras_right = has_cameras ? camera_axis(trace, {1, 0, 0}) : Vec3{};
  if (right.along(cameras_right) < 0) right = opposite(right);

  const SignedAxis away = cross(up, right);  // up the page as seen from above
  return {{right, away, up}, {right, up, opposite(away)}};
}

std::string map_section(const SpatialTrace& trace) {
  std::string out = "<h2>The map</h2>\n";
  if (trace.voxels.empty()) return out + "<p>No patch has a place, so there is no map.</p>\n";
  const MapViews views = choose_views(trace);
  const Range across = shown_along(trace, views.above.right);
  const double gathered =
      std::max(1.0, std::ceil(across.size() / trace.voxel_size / max_cells_across));
  const double cell = gathered * trace.voxel_size;
  out += fmt::format(
      "<p>Each square is the voxel nearest to you, {} wide{}; farther ones are paler. Kept tokens "
      "are coloured by why they were kept; hollow red squares were removed since.</p>\n"
      "<div class=\"card maps\">\n",
      length_text(trace.voxel_size),
      gathered > 1 ? fmt::format(", {:.0f} × {:.0f} to a square", gathered, gathered) : "");
  out += view_html(trace, views.above, cell, "From above");
  out += view_html(trace, views.side, cell, "From the side");
  return out + legend_html(trace) + "</div>\n";
}

}  // namespace sluice::report

#include "apps/report/spatial_overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "apps/report/caption_line.h"
#include "apps/report/palette.h"
#include "kernels/error.h"

namespace sluice::report {
namespace {

using stream::Image;
using stream::Vec3;

/// A voxel as the camera sees it, in pixels of the picture.
struct Dot {
  double x = 0, y = 0;
  double radius = 0;
  double z = 0;  ///< metres
};

/// Projects voxels into a picture, and knows what hides them.
class Camera {
 public:
  Camera(const SpatialMoment& moment, const Image& image)
      : moment_(moment),
        world_to_camera_(stream::inverse(*moment.pose)),
        scale_x_(static_cast<double>(image.width) / moment.depth_width),
        scale_y_(static_cast<double>(image.height) / moment.depth_height) {}

  /// Nothing if it is outside the picture, behind the camera, or behind a surface.
  [[nodiscard]] std::optional<Dot> see(const Vec3& world) const {
    const Vec3 point = stream::transform(world_to_camera_, world);
    if (!(point[2] > 0.02)) return std::nullopt;
    const auto& k = moment_.intrinsics;
    const double u = k.fx * point[0] / point[2] + k.cx;
    const double v = k.fy * point[1] / point[2] + k.cy;
    if (!(u > -0.5 && v > -0.5 && u < moment_.depth_width - 0.5 && v < moment_.depth_height - 0.5))
      return std::nullopt;
    const double surface =
        surface_at(static_cast<int>(std::lround(u)), static_cast<int>(std::lround(v)));
    // Half a voxel's diagonal, and what depth sensors err by.
    const double margin = 0.87 * moment_.voxel_size + 0.01 * point[2] * point[2];
    if (!(surface > 0) || point[2] > surface + margin) return std::nullopt;
    Dot dot;
    // Pixel centres are at whole numbers, in both sizes.
    dot.x = (u + 0.5) * scale_x_ - 0.5;
    dot.y = (v + 0.5) * scale_y_ - 0.5;
    dot.radius = k.fx * scale_x_ * moment_.voxel_size / point[2];
    dot.z = point[2];
    return dot;
  }

 private:
  /// The farthest depth of a small neighbourhood: at an edge the token may belong to either side,
  /// and small holes have depth around them.
  [[nodiscard]] double surface_at(int u, int v) const {
    constexpr int reach = 2;
    double farthest = 0;
    for (int y = std::max(0, v - reach); y <= std::min(moment_.depth_height - 1, v + reach); ++y)
      for (int x = std::max(0, u - reach); x <= std::min(moment_.depth_width - 1, u + reach); ++x)
        farthest = std::max(
            farthest,
            static_cast<double>(moment_.depth[static_cast<std::size_t>(y) *
                                                  static_cast<std::size_t>(moment_.depth_width) +
                                              static_cast<std::size_t>(x)]));
    return farthest;
  }

  const SpatialMoment& moment_;
  stream::Pose world_to_camera_;
  double scale_x_, scale_y_;
};

Vec3 place_of(const SpatialMoment& moment, std::size_t row) {
  return {moment.xyz[3 * row], moment.xyz[3 * row + 1], moment.xyz[3 * row + 2]};
}

void draw_dropped(Image& image, const SpatialMoment& moment, const Camera& camera) {
  std::size_t next_kept = 0;
  for (std::size_t row = 0; row < moment.xyz.size() / 3; ++row) {
    if (next_kept < moment.keep.size() && static_cast<std::size_t>(moment.keep[next_kept]) == row) {
      ++next_kept;
      continue;
    }
    const auto dot = camera.see(place_of(moment, row));
    if (!dot) continue;
    const double unit = image.width / 640.0;
    disc(image, dot->x, dot->y, std::clamp(0.12 * dot->radius, 0.8 * unit, 2.2 * unit),
         palette::white, 0.38);
  }
}

std::int64_t draw_kept(Image& image, const SpatialMoment& moment, const Camera& camera) {
  struct Seen {
    Dot dot;
    Colour colour;
  };
  std::vector<Seen> seen;
  for (std::size_t i = 0; i < moment.keep.size(); ++i) {
    const auto row = static_cast<std::size_t>(moment.keep[i]);
    if (const auto dot = camera.see(place_of(moment, row)))
      seen.push_back({*dot, style_of(moment.reason[i]).colour});
  }
  // Far ones first, so that near ones lie on top.
  std::stable_sort(seen.begin(), seen.end(),
                   [](const Seen& a, const Seen& b) { return a.dot.z > b.dot.z; });
  const double unit = image.width / 640.0;
  for (const auto& [dot, colour] : seen) {
    const double radius = std::clamp(0.26 * dot.radius, 2.0 * unit, 7.0 * unit);
    disc(image, dot.x, dot.y, radius + unit, palette::band, 0.7);
    disc(image, dot.x, dot.y, radius, colour);
  }
  return static_cast<std::int64_t>(seen.size());
}

/// "0:01.33  kept 1322 of 3572, 612 in view, 2.1 % exchanged"; less where there is no room.
CaptionText counts_line(const SpatialMoment& moment, std::int64_t visible,
                        const CaptionLayout& layout, int width) {
  const std::string clock = caption_clock(moment.pts);
  const std::string kept =
      fmt::format("{}  kept {} of {}", clock, moment.keep.size(), moment.xyz.size() / 3);
  const std::string in_view = moment.pose == nullptr ? fmt::format("{}, no pose", kept)
                                                     : fmt::format("{}, {} in view", kept, visible);
  const std::string turnover =
      fmt::format("{}, {:.1f} % exchanged", in_view, 100 * moment.turnover);
  CaptionText text;
  text.right = moment.frames > 0 ? fmt::format("{}/{}", moment.frame + 1, moment.frames)
                                 : fmt::format("{}", moment.frame + 1);
  for (const std::string& longest : {turnover, in_view, kept, clock}) {
    text.clock = longest;
    if (caption_width(text, layout) <= width) return text;
  }
  text.right.clear();
  return text;
}

/// The reasons that occur, in the order of all pages, as many as there is room for.
CaptionText reasons_line(const SpatialMoment& moment, const CaptionLayout& layout, int width) {
  CaptionText text;
  for (const ReasonStyle& style : spatial_reasons()) {
    const auto count = std::count(moment.reason.begin(), moment.reason.end(),
                                  static_cast<std::uint8_t>(style.reason));
    if (count == 0) continue;
    text.entries.push_back({style.colour, fmt::format("{} {}", style.name, count)});
    if (caption_width(text, layout) > width) text.entries.pop_back();
  }
  return text;
}

void draw_progress(Image& image, int top, const SpatialMoment& moment,
                   const CaptionLayout& layout) {
  const int left = layout.padding, width = image.width - 2 * layout.padding;
  const int bottom = top + layout.track_height;
  fill(image, {left, top, left + width, bottom}, palette::track);
  if (moment.frames <= 0) return;
  const auto played = static_cast<int>((moment.frame + 1) * width / moment.frames);
  fill(image, {left, top, left + std::clamp(played, 0, width), bottom}, palette::track_done);
}

}  // namespace

std::int64_t draw_spatial_overlay(Image& image, const SpatialMoment& moment,
                                  const SpatialOverlayStyle& style) {
  if (image.width <= 0 || image.height <= 0 || image.empty())
    throw input_error("overlay", concat("a picture of ", image.width, "×", image.height, " pixels"),
                      "at least one pixel");
  std::int64_t visible = 0;
  // A little darker, so that dots stand out.
  dim(image, {0, 0, image.width, image.height}, 0.7, 0.8);
  if (moment.pose != nullptr && !moment.depth.empty()) {
    const Camera camera(moment, image);
    draw_dropped(image, moment, camera);
    visible = draw_kept(image, moment, camera);
  }
  if (!style.caption) return visible;
  const CaptionLayout layout(image.width);
  const int top = append_band(image, layout, 1);
  draw_caption_line(image, top + layout.text_top, counts_line(moment, visible, layout, image.width),
                    layout);
  draw_caption_line(image, top + layout.text_top + line_step(layout),
                    reasons_line(moment, layout, image.width), layout);
  draw_progress(image, top + layout.track_top + line_step(layout), moment, layout);
  return visible;
}

}  // namespace sluice::report

#include "spatial3d/free_space.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::spatial3d {
namespace {

/// What a pixel says about a cell.
enum class Reading : std::uint8_t {
  beside,   ///< its ray misses the cell
  nothing,  ///< no depth
  before,   ///< something nearer than the cell
  within,   ///< a point that may lie in the cell
  behind    ///< something clearly behind the cell
};

/// A box along the world's axes, seen from the camera's centre.
struct Slabs {
  Vec3 low{}, high{};

  Slabs(const Vec3& centre, double half, const Vec3& camera) noexcept {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      low[axis] = centre[axis] - half - camera[axis];
      high[axis] = centre[axis] + half - camera[axis];
    }
  }
};

/// Where a ray is inside of a box, in depths along the optical axis.
struct Stretch {
  double enter = 0, leave = std::numeric_limits<double>::infinity();

  Stretch(const Slabs& box, const Vec3& inverse_ray) noexcept {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double a = box.low[axis] * inverse_ray[axis];
      const double b = box.high[axis] * inverse_ray[axis];
      enter = std::max(enter, std::min(a, b));
      leave = std::min(leave, std::max(a, b));
    }
  }
  [[nodiscard]] bool empty() const noexcept { return !(enter < leave); }
};

/// A cell as one camera sees it.
class CellReader {
 public:
  CellReader(const CameraView& view, std::span<const float> depth, const KnownSurface& known,
             double margin, double depth_noise) noexcept
      : view_(view),
        depth_(depth),
        depth_noise_(depth_noise),
        cell_(known.centre, 0.5 * known.size, view.origin()),
        widened_(known.centre, 0.5 * known.size + margin, view.origin()) {}

  [[nodiscard]] Reading read(std::int64_t u, std::int64_t v) const noexcept {
    const Vec3 ray = view_.ray(static_cast<double>(u), static_cast<double>(v));
    // Infinite for a ray along a slab, which is then inside of it or not.
    const Vec3 inverse_ray{1 / ray[0], 1 / ray[1], 1 / ray[2]};
    Stretch stretch(cell_, inverse_ray);
    if (stretch.empty()) stretch = Stretch(widened_, inverse_ray);
    if (stretch.empty()) return Reading::beside;
    const auto z = static_cast<double>(depth_[static_cast<std::size_t>(v * view_.width() + u)]);
    if (!(z > 0) || !std::isfinite(z)) return Reading::nothing;
    // The noise of a surface in the cell, not of what is seen: the question is whether it could be
    // there and read z.
    const auto [enter, leave] = stretch;
    if (z > leave + depth_noise_ * leave * leave) return Reading::behind;
    return z < enter - depth_noise_ * enter * enter ? Reading::before : Reading::within;
  }

 private:
  const CameraView& view_;
  std::span<const float> depth_;
  double depth_noise_;
  Slabs cell_, widened_;
};

/// First and last whole pixel of an interval, cut to the picture.
struct PixelRange {
  std::int64_t first = 0, last = -1;
  double visible = 0;  ///< share of the interval inside the picture

  PixelRange(double low, double high, std::int64_t pixels) noexcept {
    const double begin = std::max(low, -0.5);
    const double end = std::min(high, static_cast<double>(pixels) - 0.5);
    if (!(begin < end)) return;
    first = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(begin)), 0);
    last = std::min(static_cast<std::int64_t>(std::floor(end)), pixels - 1);
    visible = (end - begin) / (high - low);
  }
};

/// The pixel that shows the place, then those around it: `through` if all of them show something
/// behind, otherwise what the first other one says.
Sight look_at_place(const CameraView& view, const CellReader& cell, const Vec3& place) noexcept {
  const Vec3 p = view.to_camera(place);
  if (!(p[2] > 0)) return Sight::unknown;
  const double u = std::nearbyint(view.column(p));
  const double v = std::nearbyint(view.row(p));
  if (!(u >= 1 && v >= 1 && u < static_cast<double>(view.width() - 1) &&
        v < static_cast<double>(view.height() - 1)))
    return Sight::unknown;
  constexpr int steps[9][2] = {{0, 0},   {-1, 0}, {1, 0},  {0, -1}, {0, 1},
                               {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
  for (const auto& step : steps) {
    const Reading reading =
        cell.read(static_cast<std::int64_t>(u) + step[0], static_cast<std::int64_t>(v) + step[1]);
    if (reading == Reading::within) return Sight::surface;
    if (reading == Reading::nothing || reading == Reading::before) return Sight::unknown;
  }
  return Sight::through;
}

/// All pixels whose rays meet the cell.
Sight look_at_cell(const CellReader& cell, const PixelRange& columns, const PixelRange& rows,
                   double min_share) noexcept {
  std::int64_t pixels = 0, behind = 0;
  for (std::int64_t v = rows.first; v <= rows.last; ++v)
    for (std::int64_t u = columns.first; u <= columns.last; ++u) {
      const Reading reading = cell.read(u, v);
      if (reading == Reading::within) return Sight::surface;
      pixels += reading != Reading::beside;
      behind += reading == Reading::behind;
    }
  const bool enough =
      behind > 0 && static_cast<double>(behind) >= min_share * static_cast<double>(pixels);
  return enough ? Sight::through : Sight::unknown;
}

}  // namespace

Sight look(const CameraView& view, std::span<const float> depth, const KnownSurface& known,
           const FreeSpaceOptions& options) noexcept {
  const Vec3 centre = view.to_camera(known.centre);
  const double pixel = centre[2] / std::min(view.intrinsics().fx, view.intrinsics().fy);
  const double margin = options.margin_pixels * pixel;
  const double half = 0.5 * known.size + margin;
  if (centre[2] <= 2 * half) return Sight::unknown;  // the camera is in it, or almost
  const CellReader cell(view, depth, known, margin, options.depth_noise);
  // Cheap, and enough for nearly every cell whose surface is still there or hidden.
  const Sight place = look_at_place(view, cell, known.place);
  if (place != Sight::through) return place;

  double low_u = std::numeric_limits<double>::infinity(), high_u = -low_u;
  double low_v = low_u, high_v = -low_u;
  for (int corner = 0; corner < 8; ++corner) {
    const Vec3 p = view.to_camera({known.centre[0] + ((corner & 1) != 0 ? half : -half),
                                   known.centre[1] + ((corner & 2) != 0 ? half : -half),
                                   known.centre[2] + ((corner & 4) != 0 ? half : -half)});
    low_u = std::min(low_u, view.column(p));
    high_u = std::max(high_u, view.column(p));
    low_v = std::min(low_v, view.row(p));
    high_v = std::max(high_v, view.row(p));
  }
  const PixelRange columns(low_u, high_u, view.width());
  const PixelRange rows(low_v, high_v, view.height());
  if (columns.visible * rows.visible < options.min_visible) return Sight::unknown;
  return look_at_cell(cell, columns, rows, options.min_share);
}

}  // namespace sluice::spatial3d

#include "apps/sample/renderer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "apps/sample/random.h"

namespace sluice::sample {
namespace {

constexpr int tile_size = 16;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The part of the picture a surface can appear in, in pixels, and the least depth it can have.
struct Bounds {
  double left = 0, top = 0, right = 0, bottom = 0;
  double near = 0;
};

constexpr Bounds everywhere{-1e9, -1e9, 1e9, 1e9, 0};
constexpr Bounds nowhere{1e9, 1e9, -1e9, -1e9, infinity};

struct Tile {
  int left = 0, top = 0, right = 0, bottom = 0;  ///< pixels; the last two are excluded
};

/// A surface as the camera sees it.
struct SeenSurface {
  const PlacedSurface* placed = nullptr;
  Vec3 eye;        ///< the camera's position in the surface's coordinates
  Transform turn;  ///< rotates camera directions into the surface's coordinates
  Bounds bounds;
};

/// A surface that a tile's rays may meet first.
struct Candidate {
  const SeenSurface* surface = nullptr;
  /// One flat face of it fills the tile: `corner` has that face's depths at the tile's corners.
  bool fills = false;
  Hit face;
  std::array<double, 4> corner{};
  double near = 0;  ///< no point of the surface in this tile has a smaller depth
};

/// The first surface along a ray.
struct Seen {
  const SeenSurface* surface = nullptr;
  Hit hit;
  Vec3 point;  ///< in the surface's coordinates
};

[[nodiscard]] double component(const Vec3& v, int axis) noexcept {
  return axis == 0 ? v.x : axis == 1 ? v.y : v.z;
}

class Renderer {
 public:
  Renderer(std::span<const PlacedSurface> surfaces, const NoiseTable& noise,
           const Exposure& exposure, bool with_color, RenderedFrame& frame)
      : noise_(noise),
        exposure_(exposure),
        with_color_(with_color),
        frame_(frame),
        camera_(from_pose(frame.camera_to_world)),
        gain_(gain()) {
    seen_.reserve(surfaces.size());
    for (const PlacedSurface& placed : surfaces) {
      const Transform view = placed.pose.inverse() * camera_;  // surface-from-camera
      const Bounds bounds = project(placed, view.inverse());
      if (bounds.left <= bounds.right) seen_.push_back({&placed, view.origin, view, bounds});
    }
  }

  [[nodiscard]] int tile_rows() const { return (frame_.height + tile_size - 1) / tile_size; }

  void render_tile_row(int tile_row) {
    Tile tile;
    tile.top = tile_row * tile_size;
    tile.bottom = std::min(tile.top + tile_size, frame_.height);
    Candidates candidates;
    for (tile.left = 0; tile.left < frame_.width; tile.left += tile_size) {
      tile.right = std::min(tile.left + tile_size, frame_.width);
      find_candidates(tile, candidates);
      for (int y = tile.top; y < tile.bottom; ++y) {
        for (int x = tile.left; x < tile.right; ++x) render_pixel(candidates, x, y);
      }
    }
  }

 private:
  using Candidates = std::vector<Candidate>;

  /// Where the corners of the surface's bounding box fall.
  [[nodiscard]] Bounds project(const PlacedSurface& placed, const Transform& to_camera) const {
    const Shape& shape = placed.surface->shape;
    if (shape.kind == Shape::Kind::plane) return everywhere;
    Bounds bounds = nowhere;
    int behind = 0;
    for (int corner = 0; corner < 8; ++corner) {
      const Vec3 p = to_camera.apply({corner & 1 ? shape.half.x : -shape.half.x,
                                      corner & 2 ? shape.half.y : -shape.half.y,
                                      corner & 4 ? shape.half.z : -shape.half.z});
      if (p.z < 1e-3) {
        ++behind;
        continue;
      }
      const double u = frame_.intrinsics.fx * p.x / p.z + frame_.intrinsics.cx;
      const double v = frame_.intrinsics.fy * p.y / p.z + frame_.intrinsics.cy;
      bounds = {std::min(bounds.left, u), std::min(bounds.top, v), std::max(bounds.right, u),
                std::max(bounds.bottom, v), std::min(bounds.near, p.z)};
    }
    if (behind == 8) return nowhere;
    return behind > 0 ? everywhere : bounds;
  }

  /// The surfaces that a ray through `tile` can meet first.
  void find_candidates(const Tile& tile, Candidates& candidates) const {
    candidates.clear();
    const Candidate* screen = nullptr;  // the nearest of those that fill the tile
    candidates.reserve(seen_.size());   // `screen` must stay valid
    for (const SeenSurface& surface : seen_) {
      const Bounds& b = surface.bounds;
      if (b.left > tile.right || b.right < tile.left - 1 || b.top > tile.bottom ||
          b.bottom < tile.top - 1) {
        continue;
      }
      const Candidate candidate = look_at_corners(surface, tile);
      if (candidate.near == infinity) continue;
      candidates.push_back(candidate);
      if (candidate.fills && (screen == nullptr || candidate.corner[0] < screen->corner[0])) {
        screen = &candidates.back();
      }
    }
    if (screen == nullptr) return;
    const Candidate front = *screen;
    std::erase_if(candidates, [&](const Candidate& candidate) { return hidden(candidate, front); });
  }

  /// Behind `front` everywhere in the tile? Reciprocal depths are linear across flat faces, so the
  /// corners decide.
  [[nodiscard]] static bool hidden(const Candidate& candidate, const Candidate& front) noexcept {
    if (candidate.surface == front.surface) return false;
    for (std::size_t i = 0; i < 4; ++i) {
      const double depth = candidate.fills ? candidate.corner[i] : candidate.near;
      if (depth <= front.corner[i]) return false;
    }
    return true;
  }

  [[nodiscard]] Candidate look_at_corners(const SeenSurface& surface, const Tile& tile) const {
    const Shape& shape = surface.placed->surface->shape;
    Candidate candidate{&surface, false, {}, {}, surface.bounds.near};
    if (shape.kind != Shape::Kind::plane && shape.kind != Shape::Kind::box) return candidate;
    int hits = 0;
    bool one_face = true;
    for (const double v : {tile.top - 0.5, tile.bottom - 0.5}) {
      for (const double u : {tile.left - 0.5, tile.right - 0.5}) {
        const Hit hit = intersect(shape, {surface.eye, surface.turn.rotate(direction(u, v))});
        if (hit.distance == infinity) continue;
        one_face = one_face && (hits == 0 || hit.face == candidate.face.face);
        candidate.face = hit;
        candidate.corner[static_cast<std::size_t>(hits++)] = hit.distance;
      }
    }
    candidate.fills = hits == 4 && one_face;
    // A plane missed at all corners is missed between them; a box need not be.
    if (hits == 0 && shape.kind == Shape::Kind::plane) candidate.near = infinity;
    return candidate;
  }

  /// The direction through image position (u, v), with z = 1: distances along it are depths.
  [[nodiscard]] Vec3 direction(double u, double v) const noexcept {
    return {(u - frame_.intrinsics.cx) / frame_.intrinsics.fx,
            (v - frame_.intrinsics.cy) / frame_.intrinsics.fy, 1};
  }

  [[nodiscard]] static Seen trace(const Candidates& candidates, const Vec3& direction) noexcept {
    if (candidates.size() == 1 && candidates[0].fills) return trace_face(candidates[0], direction);
    Seen first;
    for (const Candidate& candidate : candidates) {
      const SeenSurface& surface = *candidate.surface;
      const Ray ray{surface.eye, surface.turn.rotate(direction)};
      const Hit hit = intersect(surface.placed->surface->shape, ray);
      if (hit.distance < first.hit.distance) {
        first = {&surface, hit, ray.origin + hit.distance * ray.direction};
      }
    }
    return first;
  }

  /// A shortcut for most of the picture: the face is known, only the distance is not.
  [[nodiscard]] static Seen trace_face(const Candidate& candidate, const Vec3& direction) noexcept {
    const SeenSurface& surface = *candidate.surface;
    const int axis = candidate.face.face / 2;
    const double half = component(surface.placed->surface->shape.half, axis);
    const double level = candidate.face.face & 1 ? half : -half;
    const Ray ray{surface.eye, surface.turn.rotate(direction)};
    Seen seen{&surface, candidate.face, {}};
    seen.hit.distance = (level - component(ray.origin, axis)) / component(ray.direction, axis);
    seen.point = ray.origin + seen.hit.distance * ray.direction;
    return seen;
  }

  void render_pixel(const Candidates& candidates, int x, int y) {
    const auto pixel = static_cast<std::size_t>(y) * static_cast<std::size_t>(frame_.width) +
                       static_cast<std::size_t>(x);
    const Seen center = trace(candidates, direction(x, y));
    if (center.surface != nullptr) {
      frame_.depth_m[pixel] = static_cast<float>(center.hit.distance);
      frame_.object_id[pixel] = center.surface->placed->surface->object;
      frame_.surface_id[pixel] = center.surface->placed->id;
    }
    if (!with_color_) return;
    // Four samples on a rotated grid: the best that four can do for nearly level edges.
    constexpr double offsets[4][2] = {
        {-0.125, -0.375}, {0.375, -0.125}, {-0.375, 0.125}, {0.125, 0.375}};
    Rgb sum;
    for (const auto& offset : offsets) {
      const Rgb sample = shade(trace(candidates, direction(x + offset[0], y + offset[1])));
      sum = {sum.r + sample.r, sum.g + sample.g, sum.b + sample.b};
    }
    expose({sum.r / 4, sum.g / 4, sum.b / 4}, pixel);
  }

  [[nodiscard]] Rgb shade(const Seen& seen) const noexcept {
    if (seen.surface == nullptr) return {};
    const PlacedSurface& placed = *seen.surface->placed;
    const Surface& surface = *placed.surface;
    const Rgb color =
        surface_color(noise_, surface.material, surface.shape, seen.hit.face, seen.point);
    constexpr Vec3 to_light{-0.398, -0.498, 0.770};
    const Vec3 normal = placed.pose.rotate(seen.hit.normal);
    const double ambient = 0.36 + 0.10 * normal.z;  // a little more from above
    const auto light = static_cast<float>(ambient + 0.72 * std::max(0.0, dot(normal, to_light)));
    return {color.r * light, color.g * light, color.b * light};
  }

  /// Gain, noise and gamma.
  void expose(const Rgb& light, std::size_t pixel) {
    std::uint64_t bits =
        mix(mix(exposure_.seed + static_cast<std::uint64_t>(frame_.index)) ^ pixel);
    const float channels[] = {light.r, light.g, light.b};
    for (std::size_t channel = 0; channel < 3; ++channel) {
      // The sum of two bytes is triangular: close enough to normal, and cheap.
      const auto noise = static_cast<double>((bits & 255u) + ((bits >> 8) & 255u)) - 255.0;
      bits >>= 16;
      constexpr double deviation = 104.5;
      const double level = 255 * gain_ * static_cast<double>(std::sqrt(channels[channel])) +
                           exposure_.noise / deviation * noise;
      frame_.color.rgb[3 * pixel + channel] =
          static_cast<std::uint8_t>(std::clamp(level + 0.5, 0.0, 255.0));
    }
  }

  /// Slow swell plus a step from frame to frame.
  [[nodiscard]] double gain() const noexcept {
    const auto level = [&](std::uint64_t step) {
      return 2 * to_unit(mix(mix(exposure_.seed ^ 0xf11c) + step)) - 1;
    };
    const auto index = static_cast<std::uint64_t>(frame_.index);
    const double within = static_cast<double>(index % 20) / 20;
    const double swell = level(index / 20) * (1 - within) + level(index / 20 + 1) * within;
    return 1 + exposure_.flicker * (0.7 * swell + 0.3 * level(1'000'000 + index));
  }

  const NoiseTable& noise_;
  Exposure exposure_;
  bool with_color_;
  RenderedFrame& frame_;
  Transform camera_;
  double gain_;
  std::vector<SeenSurface> seen_;
};

}  // namespace

void render_surfaces(std::span<const PlacedSurface> surfaces, const NoiseTable& noise,
                     const Exposure& exposure, bool with_color, int threads, RenderedFrame& frame) {
  const auto pixels =
      static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height);
  frame.depth_m.assign(pixels, 0.0f);
  frame.object_id.assign(pixels, 0);
  frame.surface_id.assign(pixels, 0);
  if (with_color) frame.color.resize(frame.width, frame.height);

  Renderer renderer(surfaces, noise, exposure, with_color, frame);
  const int rows = renderer.tile_rows();
  const auto work = [&](int first) {
    for (int row = first; row < rows; row += threads) renderer.render_tile_row(row);
  };
  std::vector<std::jthread> helpers;
  for (int i = 1; i < std::min(threads, rows); ++i) helpers.emplace_back(work, i);
  work(0);
}

}  // namespace sluice::sample

#include "apps/sample/texture.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "apps/sample/random.h"

namespace sluice::sample {
namespace {

constexpr int table_size = 512;

constexpr std::size_t texel(long long x, long long y) noexcept {
  constexpr long long wrap = table_size - 1;  // a power of two less one
  return static_cast<std::size_t>((y & wrap) * table_size + (x & wrap));
}

/// std::floor is a call where the instruction set is old.
constexpr long long whole(double value) noexcept {
  const auto truncated = static_cast<long long>(value);
  return truncated - (value < static_cast<double>(truncated) ? 1 : 0);
}

constexpr double smooth(double t) noexcept {
  return t * t * (3 - 2 * t);
}

/// One octave of value noise in [-1, 1], with lattice cells of `cell` texels.
void add_octave(std::vector<float>& values, std::uint64_t seed, int cell, double amplitude) {
  const int lattice = table_size / cell;
  const auto corner = [&](int x, int y) {
    const auto index =
        static_cast<std::uint64_t>(y % lattice) * static_cast<std::uint64_t>(lattice) +
        static_cast<std::uint64_t>(x % lattice);
    return 2 * to_unit(mix(seed ^ mix(index))) - 1;
  };
  for (int y = 0; y < lattice; ++y) {
    for (int x = 0; x < lattice; ++x) {
      const double a = corner(x, y), b = corner(x + 1, y);
      const double c = corner(x, y + 1), d = corner(x + 1, y + 1);
      for (int row = 0; row < cell; ++row) {
        const double v = smooth(static_cast<double>(row) / cell);
        const double left = a + (c - a) * v, right = b + (d - b) * v;
        for (int column = 0; column < cell; ++column) {
          const double u = smooth(static_cast<double>(column) / cell);
          values[texel(x * cell + column, y * cell + row)] +=
              static_cast<float>(amplitude * (left + (right - left) * u));
        }
      }
    }
  }
}

/// Position on the surface's unrolled texture, metres.
struct Point2 {
  double u = 0, v = 0;
};

Point2 unroll(const Shape& shape, std::uint8_t face, const Vec3& p) noexcept {
  if (shape.kind == Shape::Kind::cylinder && face == 0) {
    return {std::atan2(p.y, p.x) * shape.half.x, p.z};
  }
  switch (face / 2) {
    case 0: return {p.y, p.z};
    case 1: return {p.x, p.z};
    default: return {p.x, p.y};
  }
}

constexpr long long cell_index(double position, double cell) noexcept {
  return whole(position / cell);
}

double cell_random(long long a, long long b) noexcept {
  return to_unit(
      mix(static_cast<std::uint64_t>(a) * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(b)));
}

constexpr double clamp01(double value) noexcept {
  return std::clamp(value, 0.0, 1.0);
}

/// How much of the second colour a flat pattern has at `p`; 0 to 1. `noise` is the surface's noise
/// there.
double flat_pattern(const NoiseTable& table, const Material& m, const Point2& p,
                    double noise) noexcept {
  switch (m.pattern) {
    case Pattern::mottled: return clamp01(0.5 + 0.28 * noise);
    case Pattern::wood:
    case Pattern::planks: {
      // Stretched noise makes the grain; planks differ in tone and are parted by dark gaps.
      const long long plank = m.pattern == Pattern::planks ? cell_index(p.v, m.cell) : 0;
      const double tone = cell_random(plank, 7);
      const double shifted = p.u + 3.7 * tone;
      const double grain = table.at(shifted / (10 * m.grain), p.v / m.grain + 97 * tone);
      const double within = p.v / m.cell - static_cast<double>(plank);
      if (m.pattern == Pattern::planks && (within < 0.012 || within > 0.988)) return 1.2;
      return clamp01(0.25 + 0.25 * grain + 0.3 * tone);
    }
    case Pattern::checker:
      return static_cast<double>((cell_index(p.u, m.cell) + cell_index(p.v, m.cell)) & 1);
    case Pattern::stripes: return static_cast<double>(cell_index(p.v, m.cell) & 1);
    case Pattern::speckle: return noise > 0.9 ? 1 : 0;
    case Pattern::tiles: {
      const long long row = cell_index(p.v, m.cell);
      const double u = p.u + (row & 1 ? 0.5 * m.cell : 0);
      const long long column = cell_index(u, m.cell);
      const double x = u / m.cell - static_cast<double>(column);
      const double y = p.v / m.cell - static_cast<double>(row);
      if (std::min(x, y) < 0.05) return 1;
      return 0.25 * cell_random(column, row);
    }
    case Pattern::dots: {
      const double x = p.u / m.cell, y = p.v / m.cell;
      const double dx = x - static_cast<double>(whole(x)) - 0.5;
      const double dy = y - static_cast<double>(whole(y)) - 0.5;
      return dx * dx + dy * dy < 0.09 ? 1 : 0;
    }
  }
  return 0;
}

/// The same for a solid texture, as spheres have it (no unrolling keeps its scale everywhere).
double solid_pattern(const Material& m, const Vec3& p, double noise) noexcept {
  switch (m.pattern) {
    case Pattern::checker:
    case Pattern::dots:
      return static_cast<double>(
          (cell_index(p.x, m.cell) + cell_index(p.y, m.cell) + cell_index(p.z, m.cell)) & 1);
    case Pattern::stripes: return static_cast<double>(cell_index(p.z, m.cell) & 1);
    case Pattern::speckle: return noise > 0.9 ? 1 : 0;
    default: return clamp01(0.5 + 0.28 * noise);
  }
}

}  // namespace

NoiseTable::NoiseTable(std::uint64_t seed)
    : values_(static_cast<std::size_t>(table_size) * table_size) {
  double amplitude = 1;
  for (int cell = 2; cell <= 64; cell *= 2) {
    add_octave(values_, mix(seed + static_cast<std::uint64_t>(cell)), cell, amplitude);
    amplitude *= 0.9;  // a little weaker towards the coarse: fine detail is what shows small moves
  }
  double squares = 0;
  for (const float value : values_)
    squares += static_cast<double>(value) * static_cast<double>(value);
  const auto scale = static_cast<float>(std::sqrt(static_cast<double>(values_.size()) / squares));
  for (float& value : values_) value *= scale;
}

float NoiseTable::at(double u, double v) const noexcept {
  const long long x = whole(u), y = whole(v);
  const auto fu = static_cast<float>(u - static_cast<double>(x));
  const auto fv = static_cast<float>(v - static_cast<double>(y));
  const float a = values_[texel(x, y)], b = values_[texel(x + 1, y)];
  const float c = values_[texel(x, y + 1)], d = values_[texel(x + 1, y + 1)];
  const float top = a + (b - a) * fu, bottom = c + (d - c) * fu;
  return top + (bottom - top) * fv;
}

Rgb surface_color(const NoiseTable& noise, const Material& material, const Shape& shape,
                  std::uint8_t face, const Vec3& point) noexcept {
  const double scale = 1 / material.grain;
  double value = 0, share = 0;
  if (shape.kind == Shape::Kind::sphere) {
    const double u = point.x * scale + material.offset, v = point.y * scale, w = point.z * scale;
    // Three crossed planes; 1/sqrt(3) keeps the deviation.
    value = 0.577 * (noise.at(u, v) + noise.at(v + 101, w) + noise.at(w + 211, u));
    share = solid_pattern(material, point, value);
  } else {
    const Point2 p = unroll(shape, face, point);
    value = noise.at(p.u * scale + material.offset + 71.0 * face, p.v * scale + 37.0 * face);
    share = flat_pattern(noise, material, p, value);
  }
  const double brightness = std::max(0.15, 1 + material.detail * value);
  const auto blend = [&](float first, float second) {
    const double mixed = static_cast<double>(first) + share * static_cast<double>(second - first);
    return static_cast<float>(brightness * std::max(0.0, mixed));
  };
  return {blend(material.first.r, material.second.r), blend(material.first.g, material.second.g),
          blend(material.first.b, material.second.b)};
}

Rgb rgb(std::uint32_t hex) noexcept {
  const auto channel = [&](unsigned shift) {
    const auto value = static_cast<float>((hex >> shift) & 255u) / 255.0f;
    return value * value;  // gamma 2: the renderer takes the square root again
  };
  return {channel(16), channel(8), channel(0)};
}

}  // namespace sluice::sample

#include "spatial3d/cloud_descriptor.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace sluice::spatial3d {
namespace {

// Lengths of the groups; see the table in the header.
const double colour_length = 1;
const double texture_length = 0.5;
const double shape_length = 1;
const double surroundings_length = std::sqrt(0.5);
const double density_length = 0.5;

/// With this many points more than one, a shape counts half; three always lie in a plane.
constexpr double points_to_trust = 8;
/// So many points per voxel lie in the middle of the half circle.
constexpr double usual_points = 16;

/// Standard deviations of the luminance above this (of at most 1/2) are all "very textured".
constexpr double most_texture = 0.25;

/// Writes the columns one after the other.
class Columns {
 public:
  explicit Columns(std::span<float, cloud_feature_width> features) : rest_(features) {}

  void put(double value) noexcept {
    rest_.front() = static_cast<float>(value);
    rest_ = rest_.subspan(1);
  }

  void put_zeros(int count) noexcept {
    for (int i = 0; i < count; ++i) put(0);
  }

  /// `value` in [0,1] as a point of the half circle from (0,−1) over (1,0) to (0,1). The angle is
  /// 2·atan(2·value − 1): nearly even, and without a call whose last bit depends on the machine.
  void put_half_circle(double value, double radius) noexcept {
    const double t = 2 * std::clamp(value, 0.0, 1.0) - 1;
    put(radius * (1 - t * t) / (1 + t * t));
    put(radius * 2 * t / (1 + t * t));
  }

  /// √(3/2)·(d·dᵀ − ⅓): a unit vector of six; cosine 1 for parallel directions, −1/2 for
  /// perpendicular ones, whatever their signs.
  void put_direction(const stream::Vec3& d, double length) noexcept {
    const double diagonal = length * std::sqrt(1.5);
    const double off_diagonal = length * std::sqrt(3.0);  // stands for two entries
    for (std::size_t a = 0; a < 3; ++a) put(diagonal * (d[a] * d[a] - 1.0 / 3));
    put(off_diagonal * d[0] * d[1]);
    put(off_diagonal * d[0] * d[2]);
    put(off_diagonal * d[1] * d[2]);
  }

 private:
  std::span<float> rest_;
};

/// How much a spread resembles a plane, a line and a blob (Demantké et al., "Dimensionality based
/// scale selection in 3D lidar point clouds", 2011, but from variances): a unit vector, or zero for
/// a single place. The published shares add up to 1; as a unit vector, what is nearly a plane is
/// not told from another by the direction in which it happens to be a little longer.
struct Shape {
  PrincipalAxes axes;
  double planarity = 0, linearity = 0, scattering = 0;
};

Shape shape_of(const SpreadSum& spread) {
  Shape shape;
  shape.axes = principal_axes(spread.covariance());
  const auto& [least, middle, most] = shape.axes.variance;
  if (most > 0) {
    const double planar = (middle - least) / most, linear = (most - middle) / most;
    const double scattered = least / most;
    const double length = std::sqrt(planar * planar + linear * linear + scattered * scattered);
    shape.planarity = planar / length;
    shape.linearity = linear / length;
    shape.scattering = scattered / length;
  }
  return shape;
}

void put_colour(Columns& columns, const ColourSum& colour) {
  if (colour.count() == 0) {
    columns.put_zeros(8);
    return;
  }
  for (const double channel : colour.mean())
    columns.put_half_circle(channel, colour_length / std::sqrt(3.0));
  columns.put_half_circle(colour.luminance_deviation() / most_texture, texture_length);
}

void put_shape(Columns& columns, const SpreadSum& spread) {
  const Shape shape = shape_of(spread);
  const double more = static_cast<double>(spread.count() - 1);
  // Many points in one place tell as little as one.
  const double trust = shape.axes.variance[2] > 0 ? more / (more + points_to_trust) : 0;
  const double known = shape_length * std::sqrt(trust);
  columns.put_direction(shape.axes.direction[0], known * shape.planarity);
  columns.put_direction(shape.axes.direction[2], known * shape.linearity);
  columns.put(known * shape.scattering);
  columns.put(shape_length * std::sqrt(1 - trust));
}

void put_surroundings(Columns& columns, const SpreadSum& around) {
  const Shape shape = shape_of(around);
  columns.put_direction(shape.axes.direction[0], surroundings_length * shape.planarity);
  columns.put(surroundings_length * shape.linearity);
  columns.put(surroundings_length * shape.scattering);
}

}  // namespace

void ColourSum::add(const std::uint8_t* rgb) noexcept {
  ++count_;
  for (std::size_t c = 0; c < 3; ++c) sum_[c] += rgb[c];
  const std::int64_t luminance = 77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2];  // Rec. 601, times 256
  luminance_ += luminance;
  luminance_squared_ += luminance * luminance;
}

std::array<double, 3> ColourSum::mean() const noexcept {
  const double scale = 255 * static_cast<double>(count_);
  std::array<double, 3> mean{};
  for (std::size_t c = 0; c < 3; ++c) mean[c] = static_cast<double>(sum_[c]) / scale;
  return mean;
}

double ColourSum::luminance_deviation() const noexcept {
  const auto n = static_cast<double>(count_);
  const double mean = static_cast<double>(luminance_) / n;
  const double variance = static_cast<double>(luminance_squared_) / n - mean * mean;
  return std::sqrt(std::max(0.0, variance)) / (255 * 256);
}

void describe_element(const ElementSums& element, const SpreadSum& around,
                      std::span<float, cloud_feature_width> features) noexcept {
  Columns columns(features);
  put_colour(columns, element.colour);
  put_shape(columns, element.spread);
  put_surroundings(columns, around);
  const auto points = static_cast<double>(element.spread.count());
  columns.put_half_circle(points / (points + usual_points), density_length);
}

}  // namespace sluice::spatial3d

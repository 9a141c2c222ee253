#include "spatial3d/principal_axes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace sluice::spatial3d {
namespace {

using Matrix3 = std::array<std::array<double, 3>, 3>;

/// Six sweeps are enough for any 3×3 matrix in double precision; the rest is a safety margin.
constexpr int most_sweeps = 16;

double largest_entry(const Symmetric3& matrix) {
  double largest = 0;
  for (const double entry : matrix) largest = std::max(largest, std::abs(entry));
  return largest;
}

/// Turns the plane of axes p and q so that matrix[p][q] becomes zero (Golub and Van Loan, 8.5.2).
void rotate_plane(Matrix3& matrix, Matrix3& vectors, std::size_t p, std::size_t q) {
  const double off_diagonal = matrix[p][q];
  if (off_diagonal == 0) return;
  const double theta = (matrix[q][q] - matrix[p][p]) / (2 * off_diagonal);
  // The smaller of the two angles. A huge theta makes the square infinite and the tangent 0.
  const double tangent = (theta < 0 ? -1 : 1) / (std::abs(theta) + std::sqrt(1 + theta * theta));
  const double cosine = 1 / std::sqrt(1 + tangent * tangent);
  const double sine = tangent * cosine;
  const std::size_t r = 3 - p - q;

  matrix[p][p] -= tangent * off_diagonal;
  matrix[q][q] += tangent * off_diagonal;
  matrix[p][q] = matrix[q][p] = 0;
  const double rp = matrix[r][p], rq = matrix[r][q];
  matrix[r][p] = matrix[p][r] = cosine * rp - sine * rq;
  matrix[r][q] = matrix[q][r] = sine * rp + cosine * rq;
  for (std::size_t row = 0; row < 3; ++row) {
    const double vp = vectors[row][p], vq = vectors[row][q];
    vectors[row][p] = cosine * vp - sine * vq;
    vectors[row][q] = sine * vp + cosine * vq;
  }
}

/// Column `axis` at length 1, its largest component positive.
stream::Vec3 signed_direction(const Matrix3& vectors, std::size_t axis) {
  stream::Vec3 direction{vectors[0][axis], vectors[1][axis], vectors[2][axis]};
  const double length = std::sqrt(direction[0] * direction[0] + direction[1] * direction[1] +
                                  direction[2] * direction[2]);
  std::size_t largest = 0;
  for (std::size_t a = 1; a < 3; ++a)
    if (std::abs(direction[a]) > std::abs(direction[largest])) largest = a;
  const double scale = direction[largest] < 0 ? -length : length;
  for (double& component : direction) component /= scale;
  return direction;
}

}  // namespace

PrincipalAxes principal_axes(const Symmetric3& covariance) noexcept {
  // At a scale of 1 neither the squares of tiny nor those of huge entries are lost.
  const double scale = largest_entry(covariance);
  const double inverse = scale > 0 ? 1 / scale : 0;
  Symmetric3 m = covariance;
  // Subnormal scales have no finite inverse: spreads of 1e-154 metres are none.
  for (double& entry : m) entry = std::isfinite(inverse) ? entry * inverse : 0;
  Matrix3 matrix{{{m[0], m[1], m[2]}, {m[1], m[3], m[4]}, {m[2], m[4], m[5]}}};
  Matrix3 vectors{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    if (matrix[0][1] == 0 && matrix[0][2] == 0 && matrix[1][2] == 0) break;
    rotate_plane(matrix, vectors, 0, 1);
    rotate_plane(matrix, vectors, 0, 2);
    rotate_plane(matrix, vectors, 1, 2);
  }

  std::array<std::size_t, 3> order{0, 1, 2};
  const auto swap_if_above = [&](std::size_t a, std::size_t b) {
    if (matrix[order[a]][order[a]] > matrix[order[b]][order[b]]) std::swap(order[a], order[b]);
  };
  swap_if_above(0, 1);
  swap_if_above(1, 2);
  swap_if_above(0, 1);

  PrincipalAxes axes;
  for (std::size_t i = 0; i < 3; ++i) {
    axes.variance[i] = std::max(0.0, matrix[order[i]][order[i]]) * scale;
    axes.direction[i] = signed_direction(vectors, order[i]);
  }
  return axes;
}

void SpreadSum::add(const SpreadSum& other, const stream::Vec3& offset) noexcept {
  const auto n = static_cast<double>(other.count_);
  count_ += other.count_;
  std::size_t entry = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    sum_[a] += other.sum_[a] + n * offset[a];
    for (std::size_t b = a; b < 3; ++b, ++entry)
      product_[entry] += other.product_[entry] + other.sum_[a] * offset[b] +
                         offset[a] * other.sum_[b] + n * (offset[a] * offset[b]);
  }
}

stream::Vec3 SpreadSum::mean() const noexcept {
  const auto n = static_cast<double>(count_);
  return {sum_[0] / n, sum_[1] / n, sum_[2] / n};
}

Symmetric3 SpreadSum::covariance() const noexcept {
  const auto n = static_cast<double>(count_);
  const stream::Vec3 m = mean();
  return {product_[0] / n - m[0] * m[0], product_[1] / n - m[0] * m[1],
          product_[2] / n - m[0] * m[2], product_[3] / n - m[1] * m[1],
          product_[4] / n - m[1] * m[2], product_[5] / n - m[2] * m[2]};
}

}  // namespace sluice::spatial3d

// Along which directions points spread: the eigenvectors of a 3×3 covariance.
#pragma once

#include <array>
#include <cstdint>

#include "stream/pose.h"

namespace sluice::spatial3d {

/// A symmetric 3×3 matrix: xx, xy, xz, yy, yz, zz.
using Symmetric3 = std::array<double, 6>;

struct PrincipalAxes {
  std::array<double, 3> variance;         ///< eigenvalues, ascending, none negative
  std::array<stream::Vec3, 3> direction;  ///< unit length, orthogonal, in the same order
};

/// Eigenvalues and eigenvectors of a covariance (symmetric, positive semi-definite, finite), by
/// cyclic Jacobi rotations: accurate also where eigenvalues are equal or far apart, and the same
/// bits on every instruction set. Negative eigenvalues, which can only be rounding, are returned as
/// 0. An eigenvector's sign is free; ours has its largest component positive, the first of equals.
/// direction[0] of the points of a surface is its normal. Equal eigenvalues have no particular
/// directions: any orthonormal ones are returned, the same for the same input.
[[nodiscard]] PrincipalAxes principal_axes(const Symmetric3& covariance) noexcept;

/// Sums up points, from which their mean and covariance follow. Positions should be relative to
/// something near (their voxel's centre): sums of squares of far points cancel badly.
class SpreadSum {
 public:
  void add(const stream::Vec3& point) noexcept {
    ++count_;
    for (std::size_t a = 0; a < 3; ++a) sum_[a] += point[a];
    product_[0] += point[0] * point[0];
    product_[1] += point[0] * point[1];
    product_[2] += point[0] * point[2];
    product_[3] += point[1] * point[1];
    product_[4] += point[1] * point[2];
    product_[5] += point[2] * point[2];
  }
  /// The points of `other`, moved by `offset`: its origin as this sum sees it.
  void add(const SpreadSum& other, const stream::Vec3& offset) noexcept;
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  /// Requires count() > 0.
  [[nodiscard]] stream::Vec3 mean() const noexcept;
  /// Divided by the number of points: 0 for one of them. Requires count() > 0.
  [[nodiscard]] Symmetric3 covariance() const noexcept;

 private:
  std::int64_t count_ = 0;
  stream::Vec3 sum_{};
  Symmetric3 product_{};
};

}  // namespace sluice::spatial3d

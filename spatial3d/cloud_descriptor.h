// What the features of a cloud element say: 32 numbers from the points of a voxel and of the
// voxels around it, made to be compared by their cosine.
//
//   columns  group         what it says                                          squared length
//    0 –  5  colour        mean red, green and blue, a half circle each          1; 0 without
//    colour 6 –  7  texture       standard deviation of the luminance                   1/4; 0
//    without 8 – 13  shape         normal as a tensor n·nᵀ, as long as planarity     ⎫
//   14 – 19                direction as a tensor d·dᵀ, as long as linearity  ⎬    1
//   20                     scattering                                        ⎪
//   21                     how little the few points tell                    ⎭
//   22 – 27  surroundings  of the 27 voxels around: normal, as a tensor      ⎫
//   28 – 29                their linearity and scattering                    ⎬    1/2; 0 for one
//   place 30 – 31  density       points in the voxel, a half circle                     1/4
//
// Every group has a fixed length, so none can dominate, and the cosine of two elements is a
// weighted mean of the groups' own cosines: near 1 for two places of one surface, far below where
// colour, direction or shape differ. Numbers v in [0,1] lie on a half circle, where equal ones have
// cosine 1 and opposite ones −1; directions are tensors, because the sign of a normal or of a line
// means nothing. There is no position and no height: where a voxel is, its key says.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "spatial3d/cloud_elements.h"
#include "spatial3d/principal_axes.h"

namespace sluice::spatial3d {

/// Whole numbers, so that the order of points can't matter.
class ColourSum {
 public:
  /// rgb: three values.
  void add(const std::uint8_t* rgb) noexcept;
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  /// Red, green, blue in [0,1]. Requires count() > 0.
  [[nodiscard]] std::array<double, 3> mean() const noexcept;
  /// Of the luminance, in [0,1/2]. Requires count() > 0.
  [[nodiscard]] double luminance_deviation() const noexcept;

 private:
  std::int64_t count_ = 0;
  std::array<std::int64_t, 3> sum_{};
  std::int64_t luminance_ = 0, luminance_squared_ = 0;
};

struct ElementSums {
  SpreadSum spread;  ///< relative to anything near
  ColourSum colour;  ///< empty if the cloud has no colours
};

/// `around`: the spread of the element's own points and of those in the voxels around it. Requires
/// at least one point. Uses basic arithmetic and square roots only: the same bits everywhere.
void describe_element(const ElementSums& element, const SpreadSum& around,
                      std::span<float, cloud_feature_width> features) noexcept;

}  // namespace sluice::spatial3d

// Poses as Open3D has them.
#pragma once

#include <Eigen/Core>

#include "stream/source.h"

namespace sluice::stream::module {

using RowMajor4 = Eigen::Matrix<double, 4, 4, Eigen::RowMajor>;

[[nodiscard]] inline Eigen::Matrix4d to_eigen(const Pose& pose) {
  return Eigen::Map<const RowMajor4>(pose.data());
}

[[nodiscard]] inline Pose from_eigen(const Eigen::Matrix4d& matrix) {
  Pose pose;
  Eigen::Map<RowMajor4>(pose.data()) = matrix;
  return pose;
}

}  // namespace sluice::stream::module

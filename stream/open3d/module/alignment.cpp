#include "stream/open3d/module/alignment.h"

#include <open3d/geometry/KDTreeSearchParam.h>
#include <open3d/geometry/PointCloud.h>
#include <open3d/pipelines/registration/Registration.h>
#include <open3d/pipelines/registration/RobustKernel.h>
#include <open3d/pipelines/registration/TransformationEstimation.h>

#include <Eigen/Eigenvalues>
#include <memory>
#include <vector>

#include "stream/open3d/module/eigen_pose.h"

namespace sluice::stream::module {
namespace {

namespace geometry = open3d::geometry;
namespace registration = open3d::pipelines::registration;

std::vector<Eigen::Vector3d> vectors_of(const float* xyz, std::size_t points) {
  std::vector<Eigen::Vector3d> vectors(points);
  for (std::size_t i = 0; i < points; ++i)
    vectors[i] = Eigen::Map<const Eigen::Vector3f>(xyz + 3 * i).cast<double>();
  return vectors;
}

geometry::PointCloud cloud_of(const SurfaceView& surface) {
  geometry::PointCloud cloud(vectors_of(surface.xyz, surface.points));
  cloud.normals_ = vectors_of(surface.normals, surface.points);
  return cloud;
}

}  // namespace

double estimate_normals(const float* xyz, std::size_t points, double radius, int neighbours,
                        float* normals) {
  geometry::PointCloud cloud(vectors_of(xyz, points));
  cloud.EstimateNormals(geometry::KDTreeSearchParamHybrid(radius, neighbours));
  Eigen::Matrix3d mean = Eigen::Matrix3d::Zero();
  for (std::size_t i = 0; i < points; ++i) {
    const Eigen::Vector3d& normal = cloud.normals_[i];
    Eigen::Map<Eigen::Vector3f>(normals + 3 * i) = normal.cast<float>();
    mean += normal * normal.transpose() / static_cast<double>(points);
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(mean, Eigen::EigenvaluesOnly);
  return points > 0 ? solver.eigenvalues()(0) : 0;
}

ViewMatch align(const AlignmentProblem& problem) {
  const geometry::PointCloud from = cloud_of(problem.from), to = cloud_of(problem.to);
  const registration::ICPConvergenceCriteria criteria(1e-6, 1e-6, problem.max_iterations);
  Eigen::Matrix4d motion = to_eigen(problem.guess);
  registration::RegistrationResult result;
  for (const double scale : {3.0, 1.0}) {
    const double distance = scale * problem.max_distance;
    const auto weights = std::make_shared<registration::TukeyLoss>(distance);
    result = registration::RegistrationICP(
        from, to, distance, motion, registration::TransformationEstimationPointToPlane(weights),
        criteria);
    motion = result.transformation_;
  }
  ViewMatch match;
  match.found = motion.allFinite() && !result.correspondence_set_.empty();
  match.motion = from_eigen(motion);
  match.overlap = result.fitness_;
  return match;
}

}  // namespace sluice::stream::module

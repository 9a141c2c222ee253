// What the module exports. Everything that includes Open3D's headers lies in this folder.
#include "stream/open3d/backend.h"
#include "stream/open3d/module/alignment.h"
#include "stream/open3d/module/odometry.h"
#include "stream/open3d/module/quiet.h"

namespace {

using namespace sluice::stream;  // NOLINT: a file of one table

std::string match_images(const OdometryProblem& problem, ViewMatch& match) noexcept {
  match = {};
  return module::quietly([&] { match = module::match_images(problem); });
}

std::string estimate_normals(const float* xyz, std::size_t points, double radius, int neighbours,
                             float* normals, double& spread) noexcept {
  spread = 0;
  return module::quietly(
      [&] { spread = module::estimate_normals(xyz, points, radius, neighbours, normals); });
}

std::string align(const AlignmentProblem& problem, ViewMatch& match) noexcept {
  match = {};
  return module::quietly([&] { match = module::align(problem); });
}

constexpr Open3dBackend backend{SLUICE_VERSION, match_images, estimate_normals, align};

}  // namespace

extern "C" __attribute__((visibility("default"))) const Open3dBackend*
sluice_open3d_backend() noexcept {
  return &backend;
}

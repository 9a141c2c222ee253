#include "stream/open3d/view_tracker.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

double length(const Vec3& v) noexcept {
  return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

void require_share(double value, const char* name) {
  if (!(value >= 0 && value <= 1)) throw input_error(name, concat(value), "a share, 0 to 1");
}

void require_positive(double value, const char* name) {
  if (!(value > 0)) throw input_error(name, concat(value), "a positive number");
}

}  // namespace

double rotation_degrees(const Pose& pose) noexcept {
  // Half the antisymmetric part has length sin(angle): precise where the cosine is flat.
  const Vec3 twice_sine{pose[9] - pose[6], pose[2] - pose[8], pose[4] - pose[1]};
  const double twice_cosine = pose[0] + pose[5] + pose[10] - 1;
  return std::atan2(length(twice_sine), twice_cosine) * 180 / std::numbers::pi;
}

Pose orthonormalized(const Pose& pose) noexcept {
  Vec3 x{pose[0], pose[4], pose[8]}, y{pose[1], pose[5], pose[9]};
  const auto normalize = [](Vec3& v) {
    const double size = length(v);
    for (double& part : v) part /= size;
  };
  normalize(x);
  const double shared = x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
  for (std::size_t i = 0; i < 3; ++i) y[i] -= shared * x[i];
  normalize(y);
  const Vec3 z{x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]};
  return {x[0], y[0], z[0], pose[3],  x[1], y[1], z[1], pose[7],
          x[2], y[2], z[2], pose[11], 0,    0,    0,    1};
}

void validate(const TrackingOptions& options) {
  require_share(options.min_overlap, "min_overlap");
  require_share(options.key_overlap, "key_overlap");
  require_positive(options.max_step_m, "max_step_m");
  require_positive(options.max_step_degrees, "max_step_degrees");
  require_positive(options.key_step_m, "key_step_m");
  require_positive(options.key_step_degrees, "key_step_degrees");
}

bool MotionModel::plausible(const Pose& pose, double overlap) const noexcept {
  const Pose step = compose(inverse(last_), pose);
  const double frames = gap_ + 1;
  return overlap >= options_.min_overlap && length(origin(step)) <= frames * options_.max_step_m &&
         rotation_degrees(step) <= std::min(180.0, frames * options_.max_step_degrees);
}

bool MotionModel::wants_key_view(const Pose& from_key, double overlap) const noexcept {
  return overlap < options_.key_overlap || length(origin(from_key)) > options_.key_step_m ||
         rotation_degrees(from_key) > options_.key_step_degrees;
}

void MotionModel::found(const Pose& pose) noexcept {
  velocity_ = gap_ == 0 ? compose(inverse(last_), pose) : identity_pose();
  last_ = pose;
  gap_ = 0;
}

void MotionModel::lost() noexcept {
  velocity_ = identity_pose();
  ++gap_;
}

}  // namespace sluice::stream

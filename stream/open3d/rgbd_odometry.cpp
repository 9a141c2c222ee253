#include "stream/open3d/rgbd_odometry.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/error.h"
#include "stream/open3d/backend_loader.h"
#include "stream/open3d/grey_depth.h"

namespace sluice::stream {
namespace {

/// With fewer pixels the six unknowns of a motion hang on noise.
constexpr std::ptrdiff_t least_pixels = 500;

void check(const RgbdOdometryOptions& options) {
  validate(options.tracking);
  if (options.max_width < 32)
    throw input_error("max_width", concat(options.max_width), "at least 32 pixels");
  if (!(options.max_depth > 0) || !std::isfinite(options.max_depth))
    throw input_error("max_depth", concat(options.max_depth), "a positive number of metres");
  if (!(options.max_depth_difference > 0))
    throw input_error("max_depth_difference", concat(options.max_depth_difference),
                      "a positive number of metres");
}

}  // namespace

struct RgbdOdometry::State {
  explicit State(const RgbdOdometryOptions& given)
      : options(given),
        backend(open3d_backend()),
        tracker(options.tracking, [this](const GreyDepthImage& from, const GreyDepthImage& to,
                                         const Pose& guess) { return match(from, to, guess); }) {}

  ViewMatch match(const GreyDepthImage& from, const GreyDepthImage& to, const Pose& guess) const {
    const OdometryProblem problem{from.view(), to.view(),         from.intrinsics,
                                  guess,       options.max_depth, options.max_depth_difference};
    ViewMatch match;
    const std::string failure = backend.match_images(problem, match);
    if (!failure.empty()) throw system_error("Open3D odometry", failure);
    return match;
  }

  /// Throws unless `image` has the size of those before.
  void require_size(const GreyDepthImage& image) {
    if (width == 0) {
      width = image.width;
      height = image.height;
    }
    if (image.width != width || image.height != height)
      throw input_error("odometry", "the size of the depth image changed", "one size throughout");
  }

  RgbdOdometryOptions options;
  const Open3dBackend& backend;
  ViewTracker<GreyDepthImage> tracker;
  std::int32_t width = 0, height = 0;
  bool anchored = false;  ///< a pose was known
};

RgbdOdometry::RgbdOdometry(const RgbdOdometryOptions& options) {
  check(options);
  state_ = std::make_unique<State>(options);
}
RgbdOdometry::RgbdOdometry(RgbdOdometry&&) noexcept = default;
RgbdOdometry& RgbdOdometry::operator=(RgbdOdometry&&) noexcept = default;
RgbdOdometry::~RgbdOdometry() = default;

std::optional<Pose> RgbdOdometry::track(const kernels::TensorView& colour,
                                        const kernels::TensorView& depth,
                                        const Intrinsics& intrinsics,
                                        const std::optional<Pose>& known) {
  if (known && !is_rigid(*known))
    throw input_error("odometry", "the known pose is no rigid transform",
                      "a rotation and a translation");
  GreyDepthImage image = grey_depth_image(colour, depth, intrinsics, state_->options.max_width);
  state_->require_size(image);
  const auto usable = std::count_if(image.depth.begin(), image.depth.end(), [&](float metres) {
    return metres > 0 && static_cast<double>(metres) <= state_->options.max_depth;
  });
  if (usable < least_pixels) {
    state_->tracker.skip();
    return known;
  }
  if (known) {
    state_->anchored = true;
    return state_->tracker.anchor(std::move(image), *known);
  }
  if (state_->options.wait_for_known_pose && !state_->anchored) return std::nullopt;
  return state_->tracker.track(std::move(image));
}

void RgbdOdometry::reset() {
  state_->tracker.reset();
  state_->width = state_->height = 0;
  state_->anchored = false;
}

const TrackingStatistics& RgbdOdometry::statistics() const noexcept {
  return state_->tracker.statistics();
}

}  // namespace sluice::stream

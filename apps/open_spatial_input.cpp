#include "apps/open_spatial_input.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <utility>

#include "kernels/error.h"
#include "stream/io/rgbd_source.h"
#include "stream/open3d/cloud_sequence.h"
#include "stream/open3d/cloud_source.h"
#include "stream/open3d/rgbd_odometry.h"
#include "stream/pose.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;
using stream::SpatialFrame;

void refuse(bool given, const char* option, const InputOptions& input, const char* expected) {
  if (given) throw input_error(option, "given for " + input.input, expected);
}

/// A source whose frames are given poses other than the recording's own.
class ReplacedPoses final : public stream::SpatialSource {
 public:
  using Replace = std::function<void(SpatialFrame& frame)>;
  ReplacedPoses(std::unique_ptr<SpatialSource> source, Replace replace)
      : source_(std::move(source)), replace_(std::move(replace)) {}

  [[nodiscard]] const stream::Source& source() const override { return source_->source(); }
  [[nodiscard]] bool next(SpatialFrame& frame) override {
    if (!source_->next(frame)) return false;
    replace_(frame);
    return true;
  }
  [[nodiscard]] stream::InputStatistics statistics() const override {
    return source_->statistics();
  }
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override {
    return source_->frame_count();
  }

 private:
  std::unique_ptr<SpatialSource> source_;
  Replace replace_;
};

/// A camera that does not move, whatever the recording says.
void assume_identity(SpatialFrame& frame) {
  frame.pose = stream::identity_pose();
  frame.pose_estimated = false;
  frame.pose_assumed = true;
}

std::optional<stream::Pose> track(stream::RgbdOdometry& odometry, const stream::RgbdView& view,
                                  const std::optional<stream::Pose>& known) {
  const stream::Image& colour = view.colour;
  return odometry.track(
      kernels::TensorView(colour.rgb.data(), kernels::DType::u8, {colour.height, colour.width, 3}),
      view.depth.view(), view.intrinsics, known);
}

/// How many frames of a recording have poses of their own.
struct KnownPoses {
  bool some = false, all = true;
};

KnownPoses known_poses(const std::string& folder, SpatialKind kind,
                       const stream::RgbdSourceOptions& rgbd) {
  const stream::RgbdIndex index = kind == SpatialKind::tum_folder
                                      ? stream::index_tum_folder(folder, rgbd.association_s)
                                      : stream::index_rgbd_folder(folder, rgbd.frame_rate);
  KnownPoses known;
  for (const stream::RgbdFiles& frame : index.frames) {
    known.some = known.some || frame.pose.has_value();
    known.all = known.all && frame.pose.has_value();
  }
  return known;
}

stream::RgbdSourceOptions rgbd_options(const InputOptions& input, std::optional<double> frame_rate,
                                       const SpatialOptions& options, SpatialKind kind,
                                       const std::atomic<bool>& stop) {
  stream::RgbdSourceOptions rgbd;
  rgbd.stop = &stop;
  if (kind == SpatialKind::tum_folder)
    refuse(frame_rate.has_value(), "--image-rate", input, "a folder without times of its own");
  if (frame_rate) rgbd.frame_rate = *frame_rate;
  if (options.depth_scale) {
    rgbd.depth_encoding.emplace();
    rgbd.depth_encoding->units_per_metre = *options.depth_scale;
  }
  rgbd.intrinsics = options.camera();
  if (options.features) {
    refuse(input.grid.has_value(), "--grid", input, "no --features: a features file has its own");
    refuse(input.size.has_value(), "--size", input, "no --features: they come from no picture");
    rgbd.features = *options.features;
  }
  rgbd.tokenizer = tokenizer_options(input, rgbd.tokenizer);
  return rgbd;
}

/// Estimates poses where the recording has none; where that can't be done, the frames stay without
/// and `notes` says why.
void estimate_missing_poses(const std::string& folder, SpatialKind kind,
                            stream::RgbdSourceOptions& rgbd, std::vector<std::string>& notes) {
  const KnownPoses known = known_poses(folder, kind, rgbd);
  if (known.all) return;
  stream::RgbdOdometryOptions tracking;
  tracking.wait_for_known_pose = known.some;
  try {
    const auto odometry = std::make_shared<stream::RgbdOdometry>(tracking);
    rgbd.estimate_pose = [odometry](const stream::RgbdView& view) {
      return track(*odometry, view, view.known_pose);
    };
  } catch (const Error& error) {
    notes.emplace_back(std::string("missing poses were not estimated: ") + error.what());
  }
}

OpenSpatialInput open_rgbd(const InputOptions& input, std::optional<double> frame_rate,
                           const SpatialOptions& options, SpatialKind kind,
                           const std::atomic<bool>& stop) {
  OpenSpatialInput open;
  open.kind = kind;
  auto rgbd = rgbd_options(input, frame_rate, options, kind, stop);
  const PoseChoice poses = options.pose_choice();
  const auto latest = std::make_shared<std::optional<stream::Pose>>();
  if (poses == PoseChoice::automatic) {
    estimate_missing_poses(input.input, kind, rgbd, open.notes);
  } else if (poses == PoseChoice::estimate) {
    const auto odometry = std::make_shared<stream::RgbdOdometry>();
    rgbd.estimate_pose = [odometry, latest](const stream::RgbdView& view) {
      return *latest = track(*odometry, view, std::nullopt);
    };
  }
  auto source = std::make_unique<stream::RgbdSource>(input.input, rgbd);
  open.picture = [pictures = source.get()]() -> const stream::Image& {
    return pictures->picture();
  };
  open.source = std::move(source);
  if (poses == PoseChoice::estimate)
    // What the estimator said of the frame that was delivered last.
    open.source =
        std::make_unique<ReplacedPoses>(std::move(open.source), [latest](SpatialFrame& frame) {
          frame.pose = *latest;
          frame.pose_estimated = frame.pose.has_value();
          frame.pose_assumed = false;
        });
  if (poses == PoseChoice::identity)
    open.source = std::make_unique<ReplacedPoses>(std::move(open.source), assume_identity);
  return open;
}

stream::CloudPoseOrigin pose_origin(PoseChoice choice) {
  switch (choice) {
    case PoseChoice::file: return stream::CloudPoseOrigin::files;
    case PoseChoice::estimate: return stream::CloudPoseOrigin::estimated;
    case PoseChoice::identity: return stream::CloudPoseOrigin::world;
    case PoseChoice::automatic: break;
  }
  return stream::CloudPoseOrigin::automatic;
}

OpenSpatialInput open_clouds(const InputOptions& input, std::optional<double> frame_rate,
                             const SpatialOptions& options) {
  constexpr auto expected = "RGB-D frames: clouds have no pictures";
  refuse(input.grid.has_value(), "--grid", input, expected);
  refuse(input.size.has_value(), "--size", input, expected);
  refuse(options.features.has_value(), "--features", input, expected);
  refuse(options.intrinsics.has_value(), "--intrinsics", input, expected);
  refuse(options.depth_scale.has_value(), "--depth-scale", input, expected);
  stream::CloudSourceOptions clouds;
  clouds.poses = pose_origin(options.pose_choice());
  if (frame_rate) clouds.frame_rate = *frame_rate;
  // A quarter of a voxel: 5 cm in rooms, where the default is for.
  clouds.registration.voxel_size = std::max(0.01F, static_cast<float>(options.voxel_size_m()) / 4);
  OpenSpatialInput open;
  open.kind = SpatialKind::clouds;
  open.source = std::make_unique<stream::CloudSource>(input.input, clouds);
  return open;
}

}  // namespace

std::optional<SpatialKind> spatial_kind_of(const std::string& input) {
  std::error_code unreadable;  // then it is none, and whoever opens it says why
  if (fs::is_directory(input, unreadable)) {
    if (stream::is_tum_folder(input)) return SpatialKind::tum_folder;
    if (stream::is_rgbd_folder(input)) return SpatialKind::rgbd_folder;
  }
  if (stream::is_cloud_input(input)) return SpatialKind::clouds;
  return std::nullopt;
}

OpenSpatialInput open_spatial_input(const InputOptions& input, std::optional<double> frame_rate,
                                    const SpatialOptions& options, const std::atomic<bool>& stop) {
  const auto kind = spatial_kind_of(input.input);
  if (!kind)
    throw input_error(input.input, "is no 3-D recording",
                      "a folder of RGB-D frames or of clouds, or a cloud");
  return kind == SpatialKind::clouds ? open_clouds(input, frame_rate, options)
                                     : open_rgbd(input, frame_rate, options, *kind, stop);
}

}  // namespace sluice::apps

#include "stream/open3d/cloud_source.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "stream/open3d/cloud_file.h"
#include "stream/open3d/cloud_poses.h"
#include "stream/open3d/cloud_sequence.h"
#include "stream/pose.h"

namespace sluice::stream {
namespace {

/// Problems beyond this many are only counted.
constexpr std::size_t most_notes = 20;

/// Throws also for a cloud that says nothing.
void read_usable(const CloudEntry& entry, PointCloud& cloud) {
  read_cloud(entry.path, cloud);
  for (std::size_t i = 0; i + 2 < cloud.xyz.size(); i += 3)
    if (std::isfinite(cloud.xyz[i]) && std::isfinite(cloud.xyz[i + 1]) &&
        std::isfinite(cloud.xyz[i + 2]))
      return;
  throw input_error(entry.path.string(), "holds no finite point", "at least one");
}

template <typename Value>
void copy_rows(const std::vector<Value>& values, kernels::Tensor& tensor) {
  tensor.reshape(kernels::DTypeOf<Value>::value, {static_cast<std::int64_t>(values.size() / 3), 3});
  std::copy(values.begin(), values.end(), tensor.as<Value>().begin());
}

}  // namespace

struct CloudSource::State {
  State(const std::string& input, const CloudSourceOptions& options)
      : clouds(list_clouds(input, options.frame_rate)) {
    source.id = "cloud";
    read_usable(clouds.front(), cloud);
    first_is_read = true;
    decide_poses(input, options);
    statistics.notes = given.notes;
  }

  void decide_poses(const std::string& input, const CloudSourceOptions& options) {
    origin = options.poses;
    if (origin == CloudPoseOrigin::automatic || origin == CloudPoseOrigin::files) {
      auto found = find_cloud_poses(clouds);
      if (!found && origin == CloudPoseOrigin::files)
        throw input_error(input, "has no poses", "NAME.pose.txt beside each cloud, or poses.txt");
      origin = found ? CloudPoseOrigin::files : CloudPoseOrigin::world;
      if (found) given = std::move(*found);
      if (!found && clouds.size() > 1)
        given.notes.emplace_back("no poses: the clouds are taken to be in one frame already");
    }
    if (origin == CloudPoseOrigin::estimated) registration.emplace(options.registration);
  }

  void note(std::string text) {
    if (statistics.notes.size() < most_notes) statistics.notes.push_back(std::move(text));
  }

  /// False at the end.
  bool read_next() {
    while (at < clouds.size()) {
      ++statistics.decoded;
      if (std::exchange(first_is_read, false)) return true;
      try {
        read_usable(clouds[at], cloud);
        return true;
      } catch (const Error& error) {
        ++statistics.skipped_packets;
        note(error.what());
        ++at;
      }
    }
    return false;
  }

  std::optional<Pose> pose_of(const kernels::TensorView& points) {
    switch (origin) {
      case CloudPoseOrigin::files: return given.pose[at];
      case CloudPoseOrigin::estimated: return registration->track(points);
      case CloudPoseOrigin::automatic:
      case CloudPoseOrigin::world: break;
    }
    return identity_pose();
  }

  std::vector<CloudEntry> clouds;
  std::size_t at = 0;  ///< of the next cloud
  PointCloud cloud;
  bool first_is_read = false;
  CloudPoseOrigin origin = CloudPoseOrigin::automatic;
  CloudPoses given;
  std::optional<CloudRegistration> registration;
  Source source;
  InputStatistics statistics;
};

CloudSource::CloudSource(const std::string& input, const CloudSourceOptions& options)
    : state_(std::make_unique<State>(input, options)) {}
CloudSource::CloudSource(CloudSource&&) noexcept = default;
CloudSource& CloudSource::operator=(CloudSource&&) noexcept = default;
CloudSource::~CloudSource() = default;

const Source& CloudSource::source() const {
  return state_->source;
}

bool CloudSource::next(SpatialFrame& frame) {
  State& state = *state_;
  if (!state.read_next()) return false;
  copy_rows(state.cloud.xyz, frame.points);
  if (state.cloud.rgb.empty())
    frame.colours = {};
  else
    copy_rows(state.cloud.rgb, frame.colours);
  frame.features = {};
  frame.attention = {};
  frame.depth = {};
  frame.intrinsics = {};
  frame.index = state.statistics.frames++;
  frame.pts = state.clouds[state.at].pts;
  frame.episode = 0;
  frame.pose = state.pose_of(frame.points.view());
  frame.pose_estimated = state.origin == CloudPoseOrigin::estimated && frame.pose.has_value();
  frame.pose_assumed = state.origin == CloudPoseOrigin::world;
  if (state.origin == CloudPoseOrigin::estimated && !frame.pose)
    state.note(concat(state.clouds[state.at].path.filename().string(),
                      ": its pose could not be estimated"));
  ++state.at;
  return true;
}

InputStatistics CloudSource::statistics() const {
  return state_->statistics;
}

std::optional<std::int64_t> CloudSource::frame_count() const {
  return static_cast<std::int64_t>(state_->clouds.size());
}

CloudPoseOrigin CloudSource::poses() const noexcept {
  return state_->origin;
}

}  // namespace sluice::stream

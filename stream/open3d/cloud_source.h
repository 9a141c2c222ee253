// Recordings of point clouds: PLY and PCD files.
#pragma once

#include <memory>
#include <string>

#include "stream/open3d/cloud_registration.h"
#include "stream/spatial_frame.h"

namespace sluice::stream {

/// Where the poses of clouds come from.
enum class CloudPoseOrigin {
  automatic,  ///< files if there are any, else `world`
  files,      ///< as find_cloud_poses() finds them
  world,      ///< all clouds are in one frame already
  estimated   ///< by registration: needs Open3D
};

struct CloudSourceOptions {
  CloudPoseOrigin poses = CloudPoseOrigin::automatic;
  double frame_rate = 10;  ///< clouds per second, where their names don't tell times
  CloudRegistrationOptions registration = {};
};

class CloudSource final : public SpatialSource {
 public:
  /// `input` as list_clouds() takes it. Throws sluice::Error: as list_clouds(), if the first cloud
  /// can't be read or holds no finite point, if poses were asked for that are not there, and
  /// without Open3D if they were to be estimated.
  explicit CloudSource(const std::string& input, const CloudSourceOptions& options = {});
  CloudSource(CloudSource&&) noexcept;
  CloudSource& operator=(CloudSource&&) noexcept;
  ~CloudSource() override;

  [[nodiscard]] const Source& source() const override;
  /// Clouds that can't be read, or hold no finite point, are skipped, counted and noted.
  [[nodiscard]] bool next(SpatialFrame& frame) override;
  [[nodiscard]] InputStatistics statistics() const override;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override;
  /// Where the poses came from, once it is decided what `automatic` means here.
  [[nodiscard]] CloudPoseOrigin poses() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream

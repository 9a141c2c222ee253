// From what the user named to frames with geometry.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/open_input.h"
#include "apps/spatial_options.h"
#include "stream/io/image.h"
#include "stream/spatial_frame.h"

namespace sluice::apps {

/// What a 3-D recording looks like on disk.
enum class SpatialKind { rgbd_folder, tum_folder, clouds };

/// By its name and, for a folder, by what is in it; nothing if it is no 3-D recording.
[[nodiscard]] std::optional<SpatialKind> spatial_kind_of(const std::string& input);

struct OpenSpatialInput {
  SpatialKind kind = SpatialKind::rgbd_folder;
  std::unique_ptr<stream::SpatialSource> source;
  /// The colour picture of the frame that was read last; not set for clouds.
  std::function<const stream::Image&()> picture;
  std::vector<std::string> notes;  ///< what could not be done as asked, for people
};

/// Throws sluice::Error for what can't be opened, and for options that don't go with the input.
/// Sources end early once `stop` is true. `frame_rate`: of folders without times.
[[nodiscard]] OpenSpatialInput open_spatial_input(const InputOptions& input,
                                                  std::optional<double> frame_rate,
                                                  const SpatialOptions& options,
                                                  const std::atomic<bool>& stop);

}  // namespace sluice::apps

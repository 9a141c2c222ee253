// RGB-D recordings as frames with geometry: folders with files per frame, and TUM folders.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "stream/depth_image.h"
#include "stream/io/image.h"
#include "stream/io/rgbd_folder.h"
#include "stream/io/tokenizer.h"
#include "stream/io/tum_folder.h"
#include "stream/spatial_frame.h"

namespace sluice::stream {

/// A frame as a pose estimator sees it. The references are good for the call only.
struct RgbdView {
  const Image& colour;           ///< at its full size
  const kernels::Tensor& depth;  ///< [H,W] f32 metres, registered to `colour`
  const Intrinsics& intrinsics;  ///< of `depth`
  const std::optional<Pose>& known_pose;
};

/// Camera to world, or nothing if it can't tell. Called for every frame in order, those whose pose
/// is known included: it goes on from there. Its answer counts where the pose is unknown.
using PoseEstimator = std::function<std::optional<Pose>(const RgbdView&)>;

struct RgbdSourceOptions {
  /// Default: millimetres; in a TUM folder 1/5000 m.
  std::optional<DepthEncoding> depth_encoding = std::nullopt;
  /// Of the colour camera, in pixels of the first colour picture. Default: read_camera_files().
  std::optional<Intrinsics> intrinsics = std::nullopt;
  /// Of the depth camera, in pixels of the first depth image, and its place. With either of them
  /// depth is registered to colour here; without, it is taken to be registered already.
  std::optional<Intrinsics> depth_intrinsics = std::nullopt;
  std::optional<Pose> depth_to_colour = std::nullopt;
  /// TUM folders: how far apart the times of colour, depth and pose may be.
  double association_s = 0.02;
  /// Other folders: what one step of the frame number means in time.
  double frame_rate = 30;
  TokenizerOptions tokenizer = {.grid_rows = 24, .grid_cols = 24};
  /// A safetensors file with features [F,S,D] of the user's own encoder, a row per colour picture
  /// in the folder's order, instead of the built-in tokenizer's. See SafetensorsSource.
  std::optional<std::filesystem::path> features = std::nullopt;
  std::string source_id = "camera";
  PoseEstimator estimate_pose = {};  ///< none: unknown poses stay unknown
  /// When this becomes true, next() returns false soon. Must outlive the source.
  const std::atomic<bool>* stop = nullptr;
};

/// Decodes one frame ahead on a thread of its own; the same folder and options give the same frames
/// all the same. Frames that can't be read are skipped, counted and noted by file. Pictures may
/// change size: intrinsics follow, on the assumption that the view stays the same.
class RgbdSource final : public SpatialSource {
 public:
  /// Reads the first frame, so that whatever is unusable fails here. Throws sluice::Error: kind
  /// input for a folder of neither layout or without a readable frame, cameras that make no sense
  /// or don't fit the pictures, features that don't fit the folder, options out of range.
  explicit RgbdSource(const std::filesystem::path& folder, const RgbdSourceOptions& options = {});
  ~RgbdSource() override;

  [[nodiscard]] const Source& source() const override;
  /// False at the end and soon after `stop` was set.
  [[nodiscard]] bool next(SpatialFrame& frame) override;
  [[nodiscard]] InputStatistics statistics() const override;
  /// Frames that are complete by name; unreadable ones among them won't come.
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override;

  /// The full-size colour picture of the frame that next() delivered last.
  [[nodiscard]] const Image& picture() const noexcept;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sluice::stream

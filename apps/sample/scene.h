// The project's own test picture: a rendered table-top scene in which everything about every pixel
// is known. Nothing in it is recorded.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/sample/objects.h"
#include "apps/sample/script.h"
#include "stream/io/image.h"
#include "stream/source.h"

namespace sluice::sample {

struct SampleOptions {
  int width = 640;   ///< pixels; at least 16
  int height = 480;  ///< pixels; at least 16
  double fps = 30;
  /// Length of the video. The story always plays to its end: a shorter sample runs faster.
  double seconds = 12;
  double noise = 1.2;      ///< standard deviation of the sensor noise, grey levels
  double flicker = 0.015;  ///< largest change of the global brightness, relative
  int threads = 0;         ///< for rendering; 0: one per core. Does not change the result.
};

/// One rendered frame. All arrays are [height,width], row-major. The centre of the upper left pixel
/// is (0, 0).
struct RenderedFrame {
  std::int64_t index = 0;
  double pts = 0;  ///< seconds
  int shot = 0;
  int width = 0, height = 0;
  stream::Image color;                   ///< with sensor noise and flicker; empty if not asked for
  std::vector<float> depth_m;            ///< along the optical axis; 0 where nothing is hit
  std::vector<std::uint8_t> object_id;   ///< SceneObject::id; 0 where nothing is hit
  std::vector<std::uint8_t> surface_id;  ///< index of the surface plus one; 0 where nothing is hit
  stream::Pose camera_to_world{};
  stream::Intrinsics intrinsics;
  std::vector<stream::Pose> surface_to_world;  ///< by surface id; entry 0 is unused
};

/// Renders any frame by its index; frames are independent of each other and of the order asked.
///
/// Colour has four samples per pixel, depth and ids are those of the pixel's centre. Light is
/// Lambert's law plus ambient, fixed in the world; there are no shadows, reflections or motion
/// blur, so a patch changes only where a surface moves.
class SampleScene {
 public:
  /// `seed` varies placement, sizes, colours, textures, camera paths and timing. Throws
  /// sluice::Error (kind input) for options out of range.
  explicit SampleScene(std::uint64_t seed, const SampleOptions& options = {});

  [[nodiscard]] std::int64_t frame_count() const noexcept { return frame_count_; }
  /// Throws sluice::Error (kind input) unless 0 <= frame < frame_count().
  [[nodiscard]] RenderedFrame render(std::int64_t frame) const;
  /// The same without colour, several times as fast: enough for patch_truth().
  [[nodiscard]] RenderedFrame render_geometry(std::int64_t frame) const;

  [[nodiscard]] const std::vector<SceneObject>& objects() const noexcept {
    return inventory_.objects;
  }
  [[nodiscard]] const std::vector<Shot>& shots() const noexcept { return script_.shots(); }
  [[nodiscard]] const std::vector<Event>& events() const noexcept { return script_.events(); }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] const SampleOptions& options() const noexcept { return options_; }

 private:
  [[nodiscard]] RenderedFrame render(std::int64_t frame, bool with_color) const;

  std::uint64_t seed_;
  SampleOptions options_;
  std::int64_t frame_count_;
  Inventory inventory_;
  Script script_;
  NoiseTable noise_;
};

/// The frames shown at 0, 1/fps, 2/fps … seconds: those that reading the video at `fps` delivers.
/// Throws sluice::Error (kind input) unless 0 < fps.
[[nodiscard]] std::vector<std::int64_t> sampled_frames(const SampleScene& scene, double fps);

}  // namespace sluice::sample

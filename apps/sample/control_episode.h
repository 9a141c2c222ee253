// The sample as a control loop's camera sees it: patch tokens tick by tick, and which object every
// patch shows.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "apps/sample/objects.h"
#include "stream/token_batch.h"

namespace sluice::sample {

struct ControlEpisodeOptions {
  int width = 320;  ///< pixels of the picture
  int height = 240;
  int grid = 16;  ///< patches per side
  double ticks_per_second = 10;
  int threads = 1;  ///< for rendering; does not change the result
};

struct ControlTick {
  double clock_s = 0;           ///< since the episode's first tick
  stream::TokenBatch tokens;    ///< of source "camera": the project's own patch descriptors
  std::vector<float> coverage;  ///< [patches, id::count] share of the patch's pixels, by object id
};

/// One shot of the sample, a tick per frame.
struct ControlEpisode {
  std::uint64_t seed = 0;
  std::vector<SceneObject> objects;  ///< all of the sample's, seen or not
  std::int64_t patches = 0;
  std::vector<ControlTick> ticks;

  [[nodiscard]] float coverage(std::int64_t tick, std::int64_t patch,
                               std::uint8_t object) const noexcept {
    const auto& shares = ticks[static_cast<std::size_t>(tick)].coverage;
    return shares[static_cast<std::size_t>(patch * id::count + object)];
  }
};

/// The shot called `shot` of the sample with this seed. Throws sluice::Error (kind input) if there
/// is none.
[[nodiscard]] ControlEpisode render_control_episode(std::uint64_t seed, std::string_view shot,
                                                    const ControlEpisodeOptions& options = {});

/// Patches of an object in a tick: those that it covers to at least a quarter or, of a small thing,
/// the one that shows most of it. Ascending; none where it is not in view.
void patches_of(const ControlEpisode& episode, std::int64_t tick, std::uint8_t object,
                std::vector<std::int32_t>& patches);

}  // namespace sluice::sample

#include "apps/sample/scene.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "apps/sample/random.h"
#include "apps/sample/renderer.h"
#include "kernels/error.h"

namespace sluice::sample {
namespace {

SampleOptions checked(const SampleOptions& options) {
  const auto refuse = [](const auto& what, const char* expected) {
    throw input_error("sample", what, expected);
  };
  if (options.width < 16 || options.height < 16 || options.width > 4096 || options.height > 4096) {
    refuse(concat("size ", options.width, "x", options.height), "16 to 4096 pixels each way");
  }
  if (!(options.fps > 0) || options.fps > 1000) {
    refuse(concat("fps ", options.fps), "more than 0, up to 1000");
  }
  if (!(options.seconds * options.fps >= 8) || options.seconds * options.fps > 1e6) {
    refuse(concat(options.seconds, " s at ", options.fps, " fps"), "8 to 1000000 frames");
  }
  if (!(options.noise >= 0) || options.noise > 50)
    refuse(concat("noise ", options.noise), "0 to 50");
  if (!(options.flicker >= 0) || options.flicker > 0.5) {
    refuse(concat("flicker ", options.flicker), "0 to 0.5");
  }
  if (options.threads < 0 || options.threads > 256) {
    refuse(concat("threads ", options.threads), "0 to 256");
  }
  return options;
}

int thread_count(int wanted) {
  return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// Where a surface is: fingers stand half the opening from the gripper's middle.
Transform world_from_surface(const Surface& surface, const SceneState& state) {
  const Transform& object = *state.object[surface.object];
  if (surface.part == Part::body) return object * surface.in_object;
  const double side = surface.part == Part::left_finger ? -0.5 : 0.5;
  return object * translation({side * state.opening, 0, 0}) * surface.in_object;
}

}  // namespace

SampleScene::SampleScene(std::uint64_t seed, const SampleOptions& options)
    : seed_(seed),
      options_(checked(options)),
      frame_count_(std::llround(options_.seconds * options_.fps)),
      inventory_(make_inventory(seed)),
      script_(seed, inventory_, frame_count_),
      noise_(mix(seed ^ 0x7e87u)) {}

RenderedFrame SampleScene::render(std::int64_t frame) const {
  return render(frame, true);
}

RenderedFrame SampleScene::render_geometry(std::int64_t frame) const {
  return render(frame, false);
}

RenderedFrame SampleScene::render(std::int64_t index, bool with_color) const {
  if (index < 0 || index >= frame_count_) {
    throw input_error("sample", concat("frame ", index), concat("0 to ", frame_count_ - 1));
  }
  const SceneState state = script_.at(index);
  RenderedFrame frame;
  frame.index = index;
  frame.pts = static_cast<double>(index) / options_.fps;
  frame.shot = state.shot;
  frame.width = options_.width;
  frame.height = options_.height;
  frame.camera_to_world = to_pose(state.camera);
  const double focal = 0.9 * options_.width;
  frame.intrinsics = {focal, focal, (options_.width - 1) / 2.0, (options_.height - 1) / 2.0};

  std::vector<PlacedSurface> placed;
  frame.surface_to_world.resize(inventory_.surfaces.size() + 1);
  for (std::size_t i = 0; i < inventory_.surfaces.size(); ++i) {
    const Surface& surface = inventory_.surfaces[i];
    if (!state.object[surface.object]) continue;
    const Transform pose = world_from_surface(surface, state);
    frame.surface_to_world[i + 1] = to_pose(pose);
    placed.push_back({&surface, static_cast<std::uint8_t>(i + 1), pose});
  }
  const Exposure exposure{seed_, options_.noise, options_.flicker};
  render_surfaces(placed, noise_, exposure, with_color, thread_count(options_.threads), frame);
  return frame;
}

std::vector<std::int64_t> sampled_frames(const SampleScene& scene, double fps) {
  if (!(fps > 0)) throw input_error("sample", concat("rate ", fps), "more than 0 per second");
  const double step = std::max(1.0, scene.options().fps / fps);
  std::vector<std::int64_t> frames;
  for (std::int64_t k = 0;; ++k) {
    // A frame that is there at the time asked for, but for rounding, counts.
    const auto frame = static_cast<std::int64_t>(std::floor(static_cast<double>(k) * step + 1e-6));
    if (frame >= scene.frame_count()) return frames;
    frames.push_back(frame);
  }
}

}  // namespace sluice::sample

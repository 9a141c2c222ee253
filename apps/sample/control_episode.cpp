#include "apps/sample/control_episode.h"

#include <algorithm>
#include <numeric>

#include "apps/sample/scene.h"
#include "kernels/error.h"
#include "stream/io/tokenizer.h"

namespace sluice::sample {
namespace {

constexpr float shows_object = 0.25F;   // share of a patch's pixels
constexpr float least_visible = 0.02F;  // below, a patch shows too little to be anything

std::vector<float> coverage(const RenderedFrame& frame, int grid) {
  const auto patches = static_cast<std::size_t>(grid) * static_cast<std::size_t>(grid);
  std::vector<float> shares(patches * id::count);
  std::vector<float> area(patches);
  std::size_t pixel = 0;
  for (int y = 0; y < frame.height; ++y) {
    const int row = (2 * y + 1) * grid / (2 * frame.height);
    for (int x = 0; x < frame.width; ++x, ++pixel) {
      const int col = (2 * x + 1) * grid / (2 * frame.width);
      const auto patch = static_cast<std::size_t>(row) * static_cast<std::size_t>(grid) +
                         static_cast<std::size_t>(col);
      area[patch] += 1;
      shares[patch * id::count + frame.object_id[pixel]] += 1;
    }
  }
  for (std::size_t patch = 0; patch < patches; ++patch)
    for (std::size_t object = 0; object < id::count; ++object)
      shares[patch * id::count + object] /= area[patch];
  return shares;
}

const Shot& find_shot(const SampleScene& scene, std::string_view name) {
  for (const Shot& shot : scene.shots())
    if (shot.name == name) return shot;
  throw input_error("sample", concat("shot '", name, "'"), "one of the sample's shots");
}

}  // namespace

ControlEpisode render_control_episode(std::uint64_t seed, std::string_view shot,
                                      const ControlEpisodeOptions& options) {
  const SampleScene scene(seed, {.width = options.width,
                                 .height = options.height,
                                 .fps = options.ticks_per_second,
                                 .threads = options.threads});
  stream::Tokenizer tokenizer({.grid_rows = options.grid,
                               .grid_cols = options.grid,
                               .working_width = options.width,
                               .working_height = options.height});
  ControlEpisode episode;
  episode.seed = seed;
  episode.objects = scene.objects();
  episode.patches = std::int64_t{options.grid} * options.grid;
  const Shot& played = find_shot(scene, shot);
  for (std::int64_t index = played.first; index <= played.last; ++index) {
    const RenderedFrame frame = scene.render(index);
    ControlTick& tick = episode.ticks.emplace_back();
    tick.clock_s = static_cast<double>(index - played.first) / options.ticks_per_second;
    tick.tokens.source = tokenizer.source("camera", options.width, options.height);
    tokenizer.tokenize(frame.color, tick.tokens.features);
    tick.tokens.position.resize(static_cast<std::size_t>(episode.patches));
    std::iota(tick.tokens.position.begin(), tick.tokens.position.end(), 0);
    tick.coverage = coverage(frame, options.grid);
  }
  return episode;
}

void patches_of(const ControlEpisode& episode, std::int64_t tick, std::uint8_t object,
                std::vector<std::int32_t>& patches) {
  patches.clear();
  std::int32_t most = 0;
  for (std::int32_t patch = 0; patch < episode.patches; ++patch) {
    const float share = episode.coverage(tick, patch, object);
    if (share >= shows_object) patches.push_back(patch);
    if (share > episode.coverage(tick, most, object)) most = patch;
  }
  if (patches.empty() && episode.coverage(tick, most, object) >= least_visible)
    patches.push_back(most);
}

}  // namespace sluice::sample

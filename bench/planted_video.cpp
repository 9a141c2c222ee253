#include "bench/planted_video.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <vector>

namespace sluice::bench {
namespace {

constexpr std::int64_t cluster_count = 12;
constexpr std::uint64_t static_per_mille = 580;
constexpr std::uint64_t golden = 0x9E3779B97F4A7C15;

enum class Stream : std::uint64_t { centre, own, change, static_, attention, scene };

/// The finaliser of splitmix64: 64 well-mixed bits from any 64-bit integer.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// The key of one row of random numbers.
std::uint64_t stream_key(std::uint64_t seed, Stream stream, std::int64_t a, std::int64_t b) {
  std::uint64_t key = mix(seed * 8 + static_cast<std::uint64_t>(stream) + 1);
  key = mix(key ^ (static_cast<std::uint64_t>(a) * golden));
  return mix(key ^ (static_cast<std::uint64_t>(b) * 0xD1B54A32D192ED03));
}

/// Element `index` of the row: in [-1, 1), 24 bits.
float uniform(std::uint64_t key, std::size_t index) {
  const std::uint64_t bits = mix(key + (index + 1) * golden) >> 40;
  return static_cast<float>(bits) * 0x1p-23F - 1.0F;
}

struct Scene {
  std::int64_t number;
  std::int64_t first;  // frame
};

/// The scene of every frame.
std::vector<Scene> scenes_of_frames(std::uint64_t seed, std::int64_t frames) {
  std::vector<Scene> scenes;
  Scene scene{0, 0};
  while (scene.first < frames) {
    const auto length =
        static_cast<std::int64_t>(5 + stream_key(seed, Stream::scene, scene.number, 0) % 12);
    const std::int64_t end = std::min(scene.first + length, frames);
    scenes.insert(scenes.end(), static_cast<std::size_t>(end - scene.first), scene);
    scene = {scene.number + 1, scene.first + length};
  }
  return scenes;
}

void fill_row(std::uint64_t seed, std::int64_t scene, std::int64_t frame, std::int64_t position,
              std::span<float> row) {
  const auto centre = stream_key(seed, Stream::centre, scene, position % cluster_count);
  const auto own = stream_key(seed, Stream::own, scene, position);
  const auto change = stream_key(seed, Stream::change, frame, position);
  const bool is_static =
      stream_key(seed, Stream::static_, scene, position) % 1000 < static_per_mille;
  const float keep = is_static ? 1.0F : 0.5F;
  const float vary = is_static ? 0.15F : 1.0F;
  for (std::size_t d = 0; d < row.size(); ++d) {
    const float base = 0.8F * uniform(centre, d) + 0.6F * uniform(own, d);
    row[d] = keep * base + vary * uniform(change, d);
  }
}

}  // namespace

PlantedVideo planted_video(kernels::Resources& resources, const VideoShape& shape,
                           std::uint64_t seed) {
  using kernels::DType;
  PlantedVideo video{kernels::Tensor(DType::f32, {shape.frames, shape.positions, shape.width}),
                     kernels::Tensor(DType::f32, {shape.frames, shape.positions})};
  const auto scenes = scenes_of_frames(seed, shape.frames);
  const auto features = video.features.as<float>();
  const auto attention = video.attention.as<float>();
  const auto positions = static_cast<std::size_t>(shape.positions);
  const auto width = static_cast<std::size_t>(shape.width);

  resources.pool().parallel_for(shape.frames, [&](std::int64_t frame, int) {
    const auto f = static_cast<std::size_t>(frame);
    const auto attention_key = stream_key(seed, Stream::attention, frame, 0);
    for (std::size_t p = 0; p < positions; ++p) {
      fill_row(seed, scenes[f].number, frame, static_cast<std::int64_t>(p),
               features.subspan((f * positions + p) * width, width));
      attention[f * positions + p] = uniform(attention_key, p);
    }
  });
  return video;
}

std::uint64_t checksum(const kernels::TensorView& values) {
  std::uint64_t sum = 0;
  for (const float value : values.as<float>()) sum += std::bit_cast<std::uint32_t>(value);
  return sum;
}

}  // namespace sluice::bench

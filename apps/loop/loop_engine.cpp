#include "apps/loop/loop_engine.h"

#include <algorithm>

#include "apps/reduction_options.h"

namespace sluice::apps {
namespace {

/// In the order in which tick() names them.
std::vector<policy::TickSourceOptions> engine_sources(const LoopConfig& config,
                                                      std::span<const InputShape> shapes) {
  std::vector<policy::TickSourceOptions> sources;
  const auto add = [&](policy::TickSourceOptions source, const std::string& id, std::int64_t rows,
                       std::int64_t width) {
    source.id = id;
    source.max_rows = rows;
    source.max_width = width;
    sources.push_back(std::move(source));
  };
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const LoopInputConfig& input = config.inputs[i];
    const InputShape& shape = shapes[i];
    const std::string& id = input.source.id;
    if (shape.rows > 0) add(input.source, id, shape.rows, shape.width);
    if (shape.has_memory)
      add(input.memory->source, id + ".memory", input.memory->memory.tokens, shape.width);
    if (shape.has_voxels)
      add(input.voxels->source, id + ".voxels", input.voxels->spatial.budget.value_or(0),
          shape.width);
  }
  return sources;
}

}  // namespace

LoopEngine::LoopEngine(kernels::Resources& resources, const LoopConfig& config,
                       std::span<const InputShape> shapes)
    : shapes_(shapes.begin(), shapes.end()),
      settings_hash_(sluice::apps::settings_hash(config.describe())) {
  policy::TickEngineOptions options = config.engine;
  options.sources = engine_sources(config, shapes);
  for (const auto& source : options.sources) source_ids_.push_back(source.id);
  tick_sources_.resize(options.sources.size());
  engine_ = std::make_unique<policy::TickEngine>(resources, options);
}

policy::TickStatus LoopEngine::tick(const TickMoment& moment,
                                    std::span<const InputTokens* const> inputs,
                                    stream::Packet& packet) {
  std::size_t next = 0;
  std::int64_t episode = episode_;
  const auto offer = [&](const stream::TokenBatch* tokens, std::span<const float> semantic = {}) {
    const bool is_there = tokens != nullptr && tokens->size() > 0;
    tick_sources_[next++] = {.tokens = is_there ? tokens : nullptr,
                             .semantic = is_there ? semantic : std::span<const float>{},
                             .pinned = {}};
  };
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const InputTokens* input = inputs[i];
    if (input != nullptr) episode = std::max(episode, input->episode);
    if (shapes_[i].rows > 0)
      offer(input ? &input->camera : nullptr,
            input ? std::span(input->semantic) : std::span<const float>{});
    if (shapes_[i].has_memory) offer(input ? &input->memory : nullptr);
    if (shapes_[i].has_voxels) offer(input ? &input->voxels : nullptr);
  }
  if (episode != episode_) {
    engine_->reset(episode);
    episode_ = episode;
  }
  const auto deadline = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double, std::milli>(moment.deadline_ms));
  const policy::TickStatus status = engine_->step(
      {.tick = moment.tick, .clock_s = moment.clock_s, .sources = tick_sources_}, deadline, packet);
  packet.settings_hash = settings_hash_;
  return status;
}

std::uint64_t decision_hash(const stream::Packet& packet) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](std::int64_t value) {
    for (int byte = 0; byte < 8; ++byte) {
      hash ^= static_cast<std::uint64_t>(value >> (8 * byte)) & 0xffU;
      hash *= 0x100000001b3U;
    }
  };
  add(packet.sequence);
  add(packet.tick.value_or(-1));
  add(packet.episode.value_or(-1));
  add(packet.budget);
  add(packet.available);
  add(packet.kept);
  for (const stream::TokenBatch& batch : packet.batches) {
    add(batch.size());
    for (const std::int64_t key : batch.key) add(key);
  }
  return hash;
}

}  // namespace sluice::apps

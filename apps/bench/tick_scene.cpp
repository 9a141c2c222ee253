#include "apps/bench/tick_scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "apps/sample/random.h"
#include "kernels/error.h"
#include "kernels/float16.h"
#include "stream/grid.h"

namespace sluice::apps {
namespace {

using kernels::DType;

constexpr std::int64_t surfaces = 12;
constexpr std::int64_t hand = surfaces;  ///< the number of one more surface
constexpr std::int64_t round_trip = 50;  ///< ticks in which the hand comes round

/// What a row of random numbers is for; rows of different purposes are independent.
enum class Purpose : std::uint64_t { common, surface, patch, tick, semantic, action };

std::uint64_t row_key(Purpose purpose, std::int64_t a, std::int64_t b, std::int64_t c) {
  std::uint64_t key = sample::mix(static_cast<std::uint64_t>(purpose));
  for (const std::int64_t part : {a, b, c})
    key = sample::mix(key ^ static_cast<std::uint64_t>(part + 1));
  return key;
}

/// In [-1, 1).
float uniform(std::uint64_t key, std::int64_t index) {
  const std::uint64_t bits = sample::mix(key + static_cast<std::uint64_t>(index)) >> 40;
  return static_cast<float>(bits) * 0x1p-23F - 1.0F;
}

struct Place {
  double row, col;  // in parts of the grid
};

Place place_of(std::int64_t position, std::int32_t rows, std::int32_t cols) {
  return {(static_cast<double>(position / cols) + 0.5) / rows,
          (static_cast<double>(position % cols) + 0.5) / cols};
}

/// It goes round in a circle; each camera sees it elsewhere.
Place hand_at(std::int64_t camera, std::int64_t tick) {
  const double turns =
      static_cast<double>(tick % round_trip) / round_trip + 0.37 * static_cast<double>(camera);
  const double angle = 2 * std::numbers::pi * turns;
  return {0.5 + 0.28 * std::sin(angle), 0.5 + 0.28 * std::cos(angle)};
}

Place target_of(std::int64_t camera) {
  return {0.35 + 0.1 * static_cast<double>(camera % 3), 0.6};
}

/// 1 where it is, falling off over a few patches.
double nearness(const Place& a, const Place& b) {
  const double distance = std::hypot(a.row - b.row, a.col - b.col);
  return std::exp(-distance * distance / (2 * 0.12 * 0.12));
}

/// Stripes that bend, wide enough for a few patches each.
std::int64_t surface_at(std::int64_t camera, std::int64_t tick, const Place& place) {
  if (nearness(place, hand_at(camera, tick)) > 0.6) return hand;
  const double bent = place.col + 0.3 * std::sin(5 * place.row + static_cast<double>(camera));
  const auto stripe = static_cast<std::int64_t>(std::floor(4 * bent)) +
                      4 * static_cast<std::int64_t>(std::floor(3 * place.row));
  return ((stripe % surfaces) + surfaces) % surfaces;
}

void fill_row(std::int64_t camera, std::int64_t tick, std::int64_t position, std::int64_t surface,
              std::span<float> row) {
  const std::uint64_t common = row_key(Purpose::common, camera, 0, 0);
  const std::uint64_t of_surface = row_key(Purpose::surface, camera, surface, 0);
  const std::uint64_t of_patch = row_key(Purpose::patch, camera, position, surface);
  const std::uint64_t of_tick = row_key(Purpose::tick, camera, position, tick);
  for (std::size_t d = 0; d < row.size(); ++d) {
    const auto at = static_cast<std::int64_t>(d);
    row[d] = 0.5F * uniform(common, at) + uniform(of_surface, at) + 0.3F * uniform(of_patch, at) +
             0.15F * uniform(of_tick, at);
  }
}

/// `row` of `features`, rounded to their type.
void store_row(std::span<const float> values, std::int64_t row, kernels::Tensor& features) {
  const auto begin = static_cast<std::size_t>(row) * values.size();
  if (features.dtype() == DType::bf16)
    std::ranges::transform(values, features.as<kernels::Bfloat16>().subspan(begin).begin(),
                           kernels::to_bfloat16);
  else
    std::ranges::copy(values, features.as<float>().subspan(begin).begin());
}

/// Everything but the features.
stream::TokenBatch empty_frame(const TickShape& shape, std::int64_t camera, std::int64_t frame,
                               const stream::Grid& grid) {
  stream::TokenBatch batch;
  batch.source.id = TickScene::camera_id(camera);
  batch.source.grid_rows = grid.rows;
  batch.source.grid_cols = grid.cols;
  batch.source.feature_width = static_cast<std::int32_t>(shape.width);
  batch.features.reshape(shape.dtype, {shape.tokens, shape.width});
  const auto n = static_cast<std::size_t>(shape.tokens);
  const double pts = static_cast<double>(frame) / 30;
  batch.frame.assign(n, static_cast<std::int32_t>(frame));
  batch.frame_last = batch.frame;
  batch.pts.assign(n, pts);
  batch.pts_last = batch.pts;
  batch.weight.assign(n, 1);
  batch.kind.assign(n, static_cast<std::uint8_t>(stream::TokenKind::dynamic));
  for (std::int32_t position = 0; position < shape.tokens; ++position) {
    batch.key.push_back(position);
    batch.position.push_back(position);
  }
  return batch;
}

}  // namespace

TickScene::TickScene(kernels::Resources& resources, const TickShape& shape, std::int64_t frames)
    : shape_(shape) {
  const stream::Grid grid = stream::squarest_grid(static_cast<std::int32_t>(shape.tokens));
  rows_ = grid.rows;
  cols_ = grid.cols;
  batches_.resize(static_cast<std::size_t>(frames));
  sources_.resize(static_cast<std::size_t>(frames));
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    auto& batches = batches_[static_cast<std::size_t>(frame)];
    for (std::int64_t camera = 0; camera < shape.cameras; ++camera) {
      auto& batch = batches.emplace_back(empty_frame(shape, camera, frame, grid));
      resources.pool().parallel_for(shape.tokens, [&](std::int64_t position, int) {
        std::vector<float> row(static_cast<std::size_t>(shape.width));
        const auto surface = surface_at(camera, frame, place_of(position, rows_, cols_));
        fill_row(camera, frame, position, surface, row);
        store_row(row, position, batch.features);
      });
    }
    for (const stream::TokenBatch& batch : batches)
      sources_[static_cast<std::size_t>(frame)].push_back({.tokens = &batch});
  }
  if (shape.semantic) add_semantic();
}

void TickScene::add_semantic() {
  for (std::int64_t frame = 0; frame < frames(); ++frame)
    for (std::int64_t camera = 0; camera < shape_.cameras; ++camera) {
      auto& scores = semantic_.emplace_back();
      for (std::int64_t position = 0; position < shape_.tokens; ++position)
        scores.push_back(semantic(camera, frame, position));
      sources_[static_cast<std::size_t>(frame)][static_cast<std::size_t>(camera)].semantic = scores;
    }
}

std::int64_t TickScene::tick_bytes() const noexcept {
  return shape_.cameras * shape_.tokens * shape_.width *
         static_cast<std::int64_t>(item_size(shape_.dtype));
}

std::string TickScene::camera_id(std::int64_t camera) {
  return concat("camera", camera);
}

float TickScene::semantic(std::int64_t camera, std::int64_t tick,
                          std::int64_t position) const noexcept {
  const float noise = uniform(row_key(Purpose::semantic, camera, position, tick), 0);
  const double near = nearness(place_of(position, rows_, cols_), target_of(camera));
  return static_cast<float>(near) + 0.1F * (noise + 1);
}

float TickScene::action(std::int64_t camera, std::int64_t tick,
                        std::int64_t position) const noexcept {
  const float noise = uniform(row_key(Purpose::action, camera, position, tick), 0);
  const double near = nearness(place_of(position, rows_, cols_), hand_at(camera, tick));
  return static_cast<float>(near) + 0.1F * (noise + 1);
}

void TickScene::answer(const stream::Packet& packet, stream::Feedback& feedback) const {
  feedback.stream = packet.stream;
  feedback.episode = packet.episode.value_or(0);
  feedback.tick = packet.tick.value_or(0);
  feedback.sources.resize(packet.batches.size());
  for (std::size_t i = 0; i < packet.batches.size(); ++i) {
    const auto camera = static_cast<std::int64_t>(i);
    stream::SourceFeedback& answer = feedback.sources[i];
    answer.source = packet.batches[i].source.id;
    answer.semantic_attention.clear();
    answer.action_attention.clear();
    for (const std::int64_t key : packet.batches[i].key) {
      answer.semantic_attention.push_back(semantic(camera, feedback.tick, key));
      answer.action_attention.push_back(action(camera, feedback.tick, key));
    }
  }
}

}  // namespace sluice::apps

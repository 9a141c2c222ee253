#include "apps/model/token_embedding.h"

#include <algorithm>
#include <cmath>

#include "apps/model/seeded_weights.h"
#include "kernels/error.h"
#include "stream/tensor_access.h"

namespace sluice::model {
namespace {

constexpr std::int64_t block_rows = 64;
constexpr double units_per_metre = 10;
constexpr double units_per_second = 10;
constexpr double longest_wave = 10000;  // units per radian, as in "Attention is all you need"
constexpr double farthest = 1e9;        // units: differences of times may be infinite

bool is_valid(const stream::TokenBatch& batch, std::int64_t row) {
  return batch.valid.empty() || batch.valid[static_cast<std::size_t>(row)] != 0;
}

/// When the token was last seen; nothing if nobody says.
const std::vector<double>& times(const stream::TokenBatch& batch) {
  return batch.pts_last.empty() ? batch.pts : batch.pts_last;
}

double newest_time(const stream::Packet& packet) {
  double newest = -HUGE_VAL;
  for (const auto& batch : packet.batches)
    for (std::size_t row = 0; row < times(batch).size(); ++row)
      if (is_valid(batch, static_cast<std::int64_t>(row)))
        newest = std::max(newest, times(batch)[row]);
  return newest;
}

/// x, y, z and age, in the units of the sinusoids.
std::array<double, 4> coordinates(const stream::TokenBatch& batch, std::size_t row, double newest) {
  std::array<double, 4> at{};
  if (!batch.xyz.empty()) {
    for (std::size_t axis = 0; axis < 3; ++axis)
      at[axis] = units_per_metre * static_cast<double>(batch.xyz[3 * row + axis]);
  } else if (!batch.position.empty() && batch.source.grid_cols > 0) {
    at[0] = batch.position[row] / batch.source.grid_cols;
    at[1] = batch.position[row] % batch.source.grid_cols;
  }
  if (!times(batch).empty()) at[3] = units_per_second * (newest - times(batch)[row]);
  for (double& coordinate : at) coordinate = std::clamp(coordinate, -farthest, farthest);
  return at;
}

/// Root mean square 1; a row of zeros stays one.
void normalise(std::span<float> row) {
  double squares = 0;
  for (float& value : row) {
    if (!std::isfinite(value)) value = 0;
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  if (squares == 0) return;
  const double factor = std::sqrt(static_cast<double>(row.size()) / squares);
  for (float& value : row) value = static_cast<float>(factor * static_cast<double>(value));
}

}  // namespace

std::int64_t valid_tokens(const stream::TokenBatch& batch) noexcept {
  if (batch.valid.empty()) return batch.size();
  return std::ranges::count_if(batch.valid, [](std::uint8_t valid) { return valid != 0; });
}

std::int64_t valid_tokens(const stream::Packet& packet) noexcept {
  std::int64_t count = 0;
  for (const auto& batch : packet.batches) count += valid_tokens(batch);
  return count;
}

TokenEmbedding::TokenEmbedding(std::int64_t width, std::uint64_t seed)
    : width_(width), seed_(seed), frequencies_(static_cast<std::size_t>(width / 8)) {
  for (std::size_t i = 0; i < frequencies_.size(); ++i)
    frequencies_[i] =
        std::pow(longest_wave, -static_cast<double>(i) / static_cast<double>(frequencies_.size()));
}

const TokenEmbedding::SourceWeights& TokenEmbedding::weights(const std::string& id,
                                                             std::int64_t feature_width) {
  const auto known = std::ranges::find_if(sources_, [&](const SourceWeights& source) {
    return source.id == id && source.projection.rows() == feature_width;
  });
  if (known != sources_.end()) return *known;
  if (sources_.size() == max_sources) sources_.pop_front();
  SourceWeights& source = sources_.emplace_back();
  source.id = id;
  source.projection = random_matrix(feature_width, width_,
                                    seed_of(seed_, concat("projection ", id, ' ', feature_width)));
  source.embedding.resize(static_cast<std::size_t>(width_));
  constexpr double quarter_variance = 4;  // it tells sources apart and leaves the features louder
  fill_random(source.embedding, quarter_variance, seed_of(seed_, concat("source ", id)));
  return source;
}

void TokenEmbedding::embed(const stream::Packet& packet, std::vector<float>& rows) {
  rows.resize(static_cast<std::size_t>(valid_tokens(packet) * width_));
  const double newest = newest_time(packet);
  float* next = rows.data();
  for (const auto& batch : packet.batches) {
    if (valid_tokens(batch) == 0) continue;
    if (batch.features.size(1) > max_feature_width)
      throw input_error(concat("source ", batch.source.id),
                        concat("features of width ", batch.features.size(1)),
                        concat("at most ", max_feature_width));
    project(batch, next);
    for (std::int64_t row = 0; row < batch.size(); ++row) {
      if (!is_valid(batch, row)) continue;
      add_sinusoids(coordinates(batch, static_cast<std::size_t>(row), newest), next);
      next += width_;
    }
  }
}

void TokenEmbedding::project(const stream::TokenBatch& batch, float* rows) {
  const std::int64_t feature_width = batch.features.size(1);
  const SourceWeights& source = weights(batch.source.id, feature_width);
  features_.resize(static_cast<std::size_t>(block_rows * feature_width));
  std::int64_t gathered = 0;
  const auto flush = [&] {
    multiply({features_.data(), gathered, feature_width}, source.projection, feature_width, width_,
             rows, width_);
    for (; gathered > 0; --gathered, rows += width_)
      for (std::int64_t i = 0; i < width_; ++i)
        rows[i] += source.embedding[static_cast<std::size_t>(i)];
  };
  for (std::int64_t row = 0; row < batch.size(); ++row) {
    if (!is_valid(batch, row)) continue;
    const std::span<float> values(features_.data() + gathered * feature_width,
                                  static_cast<std::size_t>(feature_width));
    stream::convert_to_f32(batch.features.view()[row], values);
    normalise(values);
    if (++gathered == block_rows) flush();
  }
  flush();
}

void TokenEmbedding::add_sinusoids(const std::array<double, 4>& coordinates, float* row) const {
  for (const double coordinate : coordinates)
    for (const double frequency : frequencies_) {
      *row++ += static_cast<float>(std::sin(frequency * coordinate));
      *row++ += static_cast<float>(std::cos(frequency * coordinate));
    }
}

}  // namespace sluice::model

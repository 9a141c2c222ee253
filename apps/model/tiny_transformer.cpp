#include "apps/model/tiny_transformer.h"

#include <algorithm>
#include <cmath>

#include "apps/model/seeded_weights.h"
#include "kernels/error.h"

namespace sluice::model {
namespace {

/// SwiGLU's usual 8/3, in whole vectors.
std::int64_t hidden_width(std::int64_t width) {
  return (8 * width / 3 + 15) / 16 * 16;
}

const TransformerOptions& checked(const TransformerOptions& options) {
  const auto require = [](bool fine, std::string_view what, std::string_view expected) {
    if (!fine) throw input_error("model", what, expected);
  };
  require(options.layers >= 1 && options.layers <= 64, concat(options.layers, " layers"),
          "1 to 64");
  require(options.width >= 8 && options.width <= 4096 && options.width % 8 == 0,
          concat("a width of ", options.width), "a multiple of 8, at most 4096");
  require(options.heads >= 1 && options.width % std::max<std::int64_t>(options.heads, 1) == 0,
          concat(options.heads, " heads"), concat("a divisor of the width, ", options.width));
  require(options.instruction_tokens >= 1 && options.instruction_tokens <= 4096,
          concat(options.instruction_tokens, " instruction tokens"), "1 to 4096");
  require(options.action_steps >= 1 && options.action_steps <= 4096,
          concat(options.action_steps, " action steps"), "1 to 4096");
  require(options.action_numbers >= 1 && options.action_numbers <= 4096,
          concat(options.action_numbers, " numbers per action"), "1 to 4096");
  require(options.max_tokens >= 0, concat("at most ", options.max_tokens, " tokens"), "0 or more");
  return options;
}

LayerWeights random_layer(const TransformerOptions& options, std::int64_t layer) {
  const std::int64_t width = options.width;
  const std::int64_t hidden = hidden_width(width);
  const auto seed = [&](std::string_view name) {
    return seed_of(options.seed, concat("layer ", layer, ' ', name));
  };
  // As in GPT-2: what is added to the residual stream shrinks with the number of additions.
  const double residual = 1 / std::sqrt(2 * static_cast<double>(options.layers));
  return {.qkv = random_matrix(width, 3 * width, seed("qkv")),
          .out = random_matrix(width, width, seed("out"), residual),
          .gate_up = random_matrix(width, 2 * hidden, seed("gate up")),
          .down = random_matrix(hidden, width, seed("down"), residual)};
}

std::vector<float> random_rows(std::int64_t count, std::int64_t width, std::uint64_t seed) {
  std::vector<float> rows(static_cast<std::size_t>(count * width));
  fill_random(rows, 1, seed);
  return rows;
}

void normalise_rows(std::span<const float> rows, std::size_t width, std::vector<float>& normed) {
  normed.resize(rows.size());
  for (std::size_t first = 0; first < rows.size(); first += width) {
    double squares = 0;
    for (std::size_t i = first; i < first + width; ++i)
      squares += static_cast<double>(rows[i]) * static_cast<double>(rows[i]);
    const auto factor =
        static_cast<float>(1 / std::sqrt(squares / static_cast<double>(width) + 1e-6));
    for (std::size_t i = first; i < first + width; ++i) normed[i] = factor * rows[i];
  }
}

/// The attention that one batch's tokens receive, which begin at `next`; padding gets 0.
void take_attention(const stream::TokenBatch& batch, const float*& next,
                    std::vector<float>& attention) {
  attention.assign(static_cast<std::size_t>(batch.size()), 0);
  for (std::size_t row = 0; row < attention.size(); ++row)
    if (batch.valid.empty() || batch.valid[row] != 0) attention[row] = *next++;
}

}  // namespace

TinyTransformer::TinyTransformer(const TransformerOptions& options)
    : options_(checked(options)),
      embedding_(options.width, options.seed),
      instruction_(random_rows(options.instruction_tokens, options.width,
                               seed_of(options.seed, "instruction"))),
      queries_(random_rows(options.action_steps, options.width,
                           seed_of(options.seed, "action queries"))),
      head_(options.width, options.action_numbers, options.seed) {
  for (std::int64_t layer = 0; layer < options_.layers; ++layer)
    layers_.push_back(random_layer(options_, layer));
}

std::int64_t TinyTransformer::parameters() const noexcept {
  std::int64_t count = static_cast<std::int64_t>(instruction_.size() + queries_.size());
  const auto add = [&](const PackedMatrix& matrix) { count += matrix.rows() * matrix.columns(); };
  for (const LayerWeights& layer : layers_)
    for (const auto* matrix : {&layer.qkv, &layer.out, &layer.gate_up, &layer.down}) add(*matrix);
  add(head_.weights());
  return count;
}

void TinyTransformer::run(const stream::Packet& packet, stream::Feedback& feedback) {
  const std::int64_t visual = valid_tokens(packet);
  if (visual > options_.max_tokens)
    throw input_error(concat("packet ", packet.sequence), concat(visual, " tokens"),
                      concat("at most ", options_.max_tokens));
  embedding_.embed(packet, hidden_);
  hidden_.insert(hidden_.end(), instruction_.begin(), instruction_.end());
  hidden_.insert(hidden_.end(), queries_.begin(), queries_.end());
  for (std::int64_t layer = 0; layer < options_.layers; ++layer) run_layer(layer, visual);

  normalise_rows(hidden_, static_cast<std::size_t>(options_.width), normed_);
  head_.apply(std::span<const float>(normed_).last(queries_.size()), feedback.action);
  feedback.stream = packet.stream;
  feedback.episode = packet.episode.value_or(0);
  feedback.tick = packet.tick.value_or(0);
  feedback.model_latency_ms.reset();
  const auto has_tokens = [](const stream::TokenBatch& batch) { return batch.size() > 0; };
  feedback.sources.resize(
      static_cast<std::size_t>(std::ranges::count_if(packet.batches, has_tokens)));
  auto source = feedback.sources.begin();
  const float* semantic = semantic_.data();
  const float* action = action_.data();
  for (const auto& batch : packet.batches) {
    if (!has_tokens(batch)) continue;
    source->source = batch.source.id;
    take_attention(batch, semantic, source->semantic_attention);
    take_attention(batch, action, source->action_attention);
    ++source;
  }
}

void TinyTransformer::run_layer(std::int64_t layer, std::int64_t visual) {
  attend(layer, visual);
  feed_forward(layers_[static_cast<std::size_t>(layer)]);
}

void TinyTransformer::attend(std::int64_t layer, std::int64_t visual) {
  const LayerWeights& weights = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t width = options_.width;
  const std::int64_t n = static_cast<std::int64_t>(hidden_.size()) / width;
  normalise_rows(hidden_, static_cast<std::size_t>(width), normed_);
  wide_.resize(static_cast<std::size_t>(n * 3 * width));
  multiply({normed_.data(), n, width}, weights.qkv, width, 3 * width, wide_.data(), 3 * width);

  const std::int64_t prefill = visual + options_.instruction_tokens;
  AttentionReport reports[2];
  if (layer == semantic_layer()) {
    semantic_.resize(static_cast<std::size_t>(n));
    const bool last = options_.semantic_rows == SemanticRows::last;
    reports[0] = {last ? prefill - 1 : 0, last ? 1 : prefill, semantic_};
  }
  if (layer == action_layer()) {
    action_.resize(static_cast<std::size_t>(n));
    reports[1] = {prefill, options_.action_steps, action_};
  }
  // `normed_` has been used up: it takes what the heads found.
  causal_attention(wide_, width, options_.heads, normed_, scratch_, reports);
  add_product(normed_, width, weights.out);
}

void TinyTransformer::feed_forward(const LayerWeights& weights) {
  const std::int64_t width = options_.width;
  const std::int64_t hidden = weights.down.rows();
  const std::int64_t n = static_cast<std::int64_t>(hidden_.size()) / width;
  normalise_rows(hidden_, static_cast<std::size_t>(width), normed_);
  wide_.resize(static_cast<std::size_t>(n * 2 * hidden));
  multiply({normed_.data(), n, width}, weights.gate_up, width, 2 * hidden, wide_.data(),
           2 * hidden);
  for (std::int64_t row = 0; row < n; ++row) {
    float* gate = wide_.data() + row * 2 * hidden;
    for (std::int64_t i = 0; i < hidden; ++i)
      gate[i] = gate[i] / (1 + std::exp(-gate[i])) * gate[hidden + i];
  }
  add_product(wide_, 2 * hidden, weights.down);
}

void TinyTransformer::add_product(std::span<const float> rows, std::int64_t stride,
                                  const PackedMatrix& weights) {
  const std::int64_t n = static_cast<std::int64_t>(rows.size()) / stride;
  sum_.resize(hidden_.size());
  multiply({rows.data(), n, stride}, weights, weights.rows(), weights.columns(), sum_.data(),
           weights.columns());
  for (std::size_t i = 0; i < hidden_.size(); ++i) hidden_[i] += sum_[i];
}

}  // namespace sluice::model

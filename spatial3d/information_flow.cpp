#include "spatial3d/information_flow.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"
#include "stream/tensor_access.h"

namespace sluice::spatial3d {
namespace {

using kernels::TensorView;

constexpr const char* place = "attention map";

// The paper's weights.
constexpr double from_system = 0.7;
constexpr double to_text = 0.3;
constexpr double memory_gain = 0.73;
constexpr double intra_weight = 0.4;
constexpr double inter_weight = 0.3;
constexpr double memory_weight = 0.3;

enum class Segment { system, spatial, text };

/// Tokens [begin, end).
struct Block {
  std::int64_t begin, end;
  Segment segment;

  [[nodiscard]] std::int64_t size() const noexcept { return end - begin; }
};

std::vector<Block> blocks_of_segments(const TokenLayout& layout, std::int64_t pool) {
  std::vector<Block> blocks;
  std::int64_t begin = 0;
  const auto cut = [&](std::int64_t tokens, Segment segment) {
    const std::int64_t end = begin + tokens;
    for (; begin < end; begin = blocks.back().end)
      blocks.push_back({begin, std::min(begin + pool, end), segment});
  };
  cut(layout.system, Segment::system);
  cut(layout.spatial, Segment::spatial);
  cut(layout.text, Segment::text);
  return blocks;
}

std::vector<Block> published_blocks(const TokenLayout& layout, std::int64_t pool) {
  const std::int64_t first_spatial = layout.system / pool;
  const std::int64_t first_text = (layout.system + layout.spatial) / pool;
  std::vector<Block> blocks;
  for (std::int64_t b = 0; b < layout.total() / pool; ++b) {
    const Segment segment = b < first_spatial ? Segment::system
                            : b < first_text  ? Segment::spatial
                                              : Segment::text;
    blocks.push_back({b * pool, (b + 1) * pool, segment});
  }
  return blocks;
}

void require_consistent(const TensorView& attention, const TokenLayout& layout,
                        const FlowOptions& options) {
  if (options.pool < 1)
    throw input_error(place, concat("blocks of ", options.pool, " tokens"), "1 or more");
  if (layout.system < 0 || layout.spatial < 1 || layout.text < 0)
    throw input_error(place,
                      concat("a layout of ", layout.system, " system, ", layout.spatial,
                             " spatial and ", layout.text, " text tokens"),
                      "at least one spatial token, the others not negative");
  const std::size_t rank = attention.rank();
  const bool fits = (rank == 2 || (rank == 3 && attention.size(0) > 0)) &&
                    attention.size(rank - 1) == layout.total() &&
                    attention.size(rank - 2) == layout.total() && attention.is_contiguous();
  if (!fits)
    throw input_error(
        place, concat("has shape ", attention.shape().to_string()),
        concat("[n, n] or [heads, n, n] with n = ", layout.total(), ", as the layout has"));
}

/// Σ over heads and over the rows of `target`, per source block that ends before the target ends.
std::vector<double> attention_sums(const TensorView& attention, const std::vector<Block>& blocks,
                                   std::size_t target) {
  const std::int64_t n = attention.size(attention.rank() - 1);
  const std::int64_t heads = attention.rank() == 3 ? attention.size(0) : 1;
  const std::int64_t columns = blocks[target].begin;
  std::vector<float> row(static_cast<std::size_t>(columns));
  std::vector<double> sums(target, 0.0);
  const auto* data = static_cast<const std::byte*>(attention.data());
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t q = blocks[target].begin; q < blocks[target].end; ++q) {
      const auto offset = static_cast<std::size_t>((head * n + q) * n);
      stream::convert_to_f32({data + offset * item_size(attention.dtype()), attention.dtype(),
                              kernels::Shape{columns}},
                             row);
      for (std::size_t a = 0; a < target; ++a)
        for (std::int64_t k = blocks[a].begin; k < blocks[a].end; ++k)
          sums[a] += static_cast<double>(row[static_cast<std::size_t>(k)]);
    }
  return sums;
}

/// What flows into one block, as block averages.
LayerFlow flow_into(const TensorView& attention, const std::vector<Block>& blocks,
                    std::size_t target) {
  LayerFlow flow;
  const Segment to = blocks[target].segment;
  if (to == Segment::system) return flow;
  const auto heads = static_cast<double>(attention.rank() == 3 ? attention.size(0) : 1);
  const std::vector<double> sums = attention_sums(attention, blocks, target);
  for (std::size_t a = 0; a < target; ++a) {
    const Segment from = blocks[a].segment;
    const auto area = static_cast<double>(blocks[target].size() * blocks[a].size());
    const double mean = sums[a] / (heads * area);
    if (from == Segment::spatial && to == Segment::spatial) flow.intra += 100 * mean;
    if (from == Segment::system && to == Segment::spatial) flow.inter += 100 * from_system * mean;
    if (from == Segment::spatial && to == Segment::text) flow.inter += 100 * to_text * mean;
  }
  return flow;
}

}  // namespace

LayerFlow layer_flow(kernels::Resources& resources, const TensorView& attention,
                     const TokenLayout& layout, const FlowOptions& options) {
  require_consistent(attention, layout, options);
  const std::vector<Block> blocks = options.borders == BlockBorders::segments
                                        ? blocks_of_segments(layout, options.pool)
                                        : published_blocks(layout, options.pool);
  std::vector<LayerFlow> into(blocks.size());
  const auto collect = [&](std::int64_t index, int /*worker*/) {
    const auto target = static_cast<std::size_t>(index);
    into[target] = flow_into(attention, blocks, target);
  };
  resources.pool().parallel_for(static_cast<std::int64_t>(blocks.size()), collect);
  LayerFlow flow;
  for (const LayerFlow& part : into) {
    flow.intra += part.intra;
    flow.inter += part.inter;
  }
  if (!std::isfinite(flow.intra) || !std::isfinite(flow.inter))
    throw input_error(place, "holds NaN or infinity", "finite attention");
  return flow;
}

void FlowAverage::add(std::span<const LayerFlow> layers) {
  if (samples_ > 0 && layers.size() != sum_.size())
    throw input_error("attention maps", concat(layers.size(), " layers"),
                      concat(sum_.size(), ", as the samples before"));
  sum_.resize(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    sum_[l].intra += layers[l].intra;
    sum_[l].inter += layers[l].inter;
  }
  ++samples_;
}

std::vector<LayerFlow> FlowAverage::mean() const {
  std::vector<LayerFlow> mean = sum_;
  for (LayerFlow& flow : mean) {
    flow.intra /= static_cast<double>(samples_);
    flow.inter /= static_cast<double>(samples_);
  }
  return mean;
}

Contribution contribution(std::span<const LayerFlow> layers) {
  if (layers.size() < 2)
    throw input_error("contribution", concat(layers.size(), " layers"), "two or more");
  Contribution out;
  double memory = layers[0].intra;
  for (const LayerFlow& flow : layers.subspan(1)) {
    memory += memory_gain * flow.intra;
    out.memory.push_back(memory);
    out.raw.push_back(intra_weight * flow.intra + inter_weight * flow.inter +
                      memory_weight * memory);
  }
  const auto [least, most] = std::minmax_element(out.raw.begin(), out.raw.end());
  const double low = *least;
  const double range = *most - low;
  for (const double c : out.raw) out.normalised.push_back(range > 0 ? (c - low) / range : 0.0);
  return out;
}

}  // namespace sluice::spatial3d

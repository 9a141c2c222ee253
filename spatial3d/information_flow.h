// How much the spatial tokens of each layer contribute to the answer, measured on attention maps:
// the offline analysis of AdaToken-3D (arXiv 2505.12782).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "spatial3d/token_layout.h"

namespace sluice::spatial3d {

/// How attention maps are averaged over blocks of tokens.
enum class BlockBorders {
  /// Each segment of the layout is cut into blocks of its own, the last of them possibly shorter.
  /// No
  /// block straddles a border, and every token counts.
  segments,
  /// As published: blocks of exactly `pool` tokens from the first token on, the rest of the map is
  /// left out, and a block that straddles a border belongs to the segment of its last token.
  parity
};

struct FlowOptions {
  /// Tokens per block side. 1 for maps that are averaged already, whose layout counts blocks.
  std::int64_t pool = 10;
  BlockBorders borders = BlockBorders::segments;
};

/// What flows through one layer, in percent of one token's attention.
struct LayerFlow {
  double intra = 0;  ///< from spatial blocks to later spatial blocks
  double inter = 0;  ///< 0.7 · from system to spatial blocks + 0.3 · from spatial to text blocks
};

/// attention [n,n] or, averaged over heads first, [H,n,n], of one layer; rows are queries, any
/// float type, aligned or not. With Ā its block averages, b the target (row) and a the source
/// (column): intra = 100·Σ_{a<b} Ā[b,a] over spatial blocks; inter likewise, see LayerFlow. The
/// published code sums Ā[a,b], where the causal mask has left nothing but zeros. Throws
/// sluice::Error (kind input) for a map that is not square or not of the layout's size, a layout
/// without spatial tokens, a pool below 1, and NaN or infinity among what is summed up.
[[nodiscard]] LayerFlow layer_flow(kernels::Resources& resources,
                                   const kernels::TensorView& attention, const TokenLayout& layout,
                                   const FlowOptions& options);

/// The mean over samples, one sample at a time. Every sample weighs the same.
class FlowAverage {
 public:
  /// One value per layer. Throws sluice::Error (kind input) for another number of layers than
  /// before; nothing has changed then.
  void add(std::span<const LayerFlow> layers);

  [[nodiscard]] std::int64_t samples() const noexcept { return samples_; }
  /// 0 before the first sample.
  [[nodiscard]] std::int64_t layers() const noexcept {
    return static_cast<std::int64_t>(sum_.size());
  }
  [[nodiscard]] std::vector<LayerFlow> mean() const;

 private:
  std::int64_t samples_ = 0;
  std::vector<LayerFlow> sum_;
};

/// Per layer from the second on: entry i belongs to layer i+1, counted from 0.
struct Contribution {
  std::vector<double> memory;      ///< M = what came before + 0.73·intra
  std::vector<double> raw;         ///< c = 0.4·intra + 0.3·inter + 0.3·M
  std::vector<double> normalised;  ///< c, from 0 at its least to 1 at its most; 0 if it is constant
};

/// Throws sluice::Error (kind input) for fewer than two layers.
[[nodiscard]] Contribution contribution(std::span<const LayerFlow> layers);

}  // namespace sluice::spatial3d

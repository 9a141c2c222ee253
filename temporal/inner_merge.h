// HoliTom's merge inside the language model (arXiv 2505.21334, its inner stage): of the visual
// tokens that enter a layer, the best stay, and each of the others joins the one it resembles most.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::temporal {

/// L tokens, of which those at [span_start, span_start + n_in) are visual.
struct InnerMergeInput {
  kernels::TensorView hidden;  ///< [L,D] f32, f16 or bf16: the residual stream, before any norm
  /// [L] what the last prompt token looked at in the layer before, averaged over heads. Any scale;
  /// NaN ranks last. Empty: how far a hidden state stands out from the others of the span.
  std::span<const double> attention{};
  std::int64_t span_start = 0;
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;  ///< visual tokens to keep: exactly as many are kept
  /// As published: a kept state becomes the mean of itself and the next arrival, again and again,
  /// rounded to the type of `hidden` each time, so that the last arrival weighs one half. Otherwise
  /// all of a group weigh the same.
  bool running = false;
};

struct InnerMerge {
  kernels::Tensor hidden;  ///< [L − n_in + n_out, D]
  /// [L − n_in + n_out] rows of the input, ascending. Tokens keep their position ids.
  std::vector<std::int64_t> keep;
  std::vector<std::int64_t> keep_in_span;  ///< [n_out] the visual ones among them, from 0
  std::vector<std::int32_t> assignment;    ///< [n_in] row in `hidden`, or a stream::DropReason
  std::vector<std::int64_t> weight;        ///< [n_out] tokens that each stands for
};

/// Keeps the n_out visual tokens that are looked at most and all others; a visual token that is not
/// kept joins the kept one with the largest cosine. All ties go to the lowest index, and cosines
/// too close to call in f32 are decided in f64, so that every machine merges the same. Cosines with
/// a zero row are 0. Tokens with NaN or infinity rank last and neither join nor are joined. Throws
/// sluice::Error (kind input) for shapes and types that don't fit, a span that is not within the L
/// tokens, and n_out outside [0, n_in]. Reuses the result's memory.
void inner_merge(kernels::Resources& resources, const InnerMergeInput& input, InnerMerge& result);

}  // namespace sluice::temporal

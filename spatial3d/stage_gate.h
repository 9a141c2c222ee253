// One stage of a gate inside a language model: which spatial tokens the layers from here on see
// (AdaToken-3D, arXiv 2505.12782).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::spatial3d {

/// Which position ids the kept tokens get. Attention of the deeper layers depends on it.
enum class PositionMode {
  /// Everyone keeps its id, with gaps where tokens went. Later tokens go on as if nothing had gone.
  original,
  /// The kept spatial tokens close up to the front of their span and take its first ids; whatever
  /// is behind the span keeps its id. One gap, and later tokens go on as if nothing had gone.
  compacted,
  /// As published: 0, 1, 2 … without a gap, so that tokens generated later need ids that are
  /// smaller by `decode_shift` in the layers from this stage on.
  renumbered
};

/// attention [H,n] → their mean over H heads [n]: sums in double, head by head, so that the order
/// is the same everywhere. Throws sluice::Error (kind input) unless the length is heads · n.
void head_mean(std::span<const float> attention, std::int64_t heads, std::vector<double>& mean);

/// n tokens, of which those at [span_start, span_start + n_in) are spatial.
struct StageInput {
  /// [n] what the last prompt token looks at, over all keys, averaged over heads. Any scale; NaN
  /// ranks last.
  std::span<const double> attention{};
  std::int64_t span_start = 0;
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;  ///< spatial tokens to keep: exactly as many are kept
  PositionMode positions = PositionMode::original;
  /// [n] the tokens' ids so far, strictly increasing; empty: 0, 1, 2 …
  std::span<const std::int64_t> position_ids{};
};

struct StageDecision {
  std::vector<std::int64_t> keep;  ///< indices into the n tokens, ascending
  std::vector<std::int64_t>
      keep_in_span;  ///< [n_out] the spatial ones among them, from 0, ascending
  std::vector<std::int64_t> position_ids;  ///< [keep.size()]
  /// How much smaller the ids of later tokens must be from here on: n_in − n_out where tokens are
  /// renumbered, else 0.
  std::int64_t decode_shift = 0;
};

/// The n_out spatial tokens that are looked at most, and all others; ties go to the lowest index.
/// Throws sluice::Error (kind input) for a span that is not within the n tokens, n_out outside
/// [0, n_in], and position ids that are not n or don't increase. Reuses the decision's memory.
void gate_stage(const StageInput& input, StageDecision& decision);

}  // namespace sluice::spatial3d

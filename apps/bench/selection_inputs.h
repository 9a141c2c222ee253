// The inputs of the published selection, for programs that it is compared with, and what ours makes
// of them (VLA-Pruner, arXiv 2511.16449).
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "apps/bench/tick_bench.h"
#include "apps/bench/tick_scene.h"

namespace sluice::apps {

/// F frames of C cameras with N tokens each, as `sluice reduce --method vla-pruner` takes them.
struct SelectionInputs {
  std::vector<float> semantic;  ///< [F,C,N]
  std::vector<float> history;   ///< [F,C,w,N] newest first
  std::int64_t window = 3;
  double decay = 0.8;
};
[[nodiscard]] SelectionInputs selection_inputs(const TickScene& scene);

struct Selections {
  std::vector<std::int64_t> keep;  ///< [F,C,K] ascending
  Spread ms;                       ///< of a tick: all cameras of a frame
  double candidates = 0;           ///< mean |C| before the diversity filter, of one camera
  double multiply_adds = 0;        ///< mean Σ |C|²·D of a tick
};
/// The selection alone on one thread, camera by camera, `keep` tokens each: decay, top-k, union,
/// max-min. Frames in turn, `ticks` of them.
[[nodiscard]] Selections run_selections(const TickScene& scene, const SelectionInputs& inputs,
                                        std::int64_t keep, std::int64_t ticks);

/// embeddings [F,C,N,D], semantic, history, keep. Throws sluice::Error.
void write_selection(const std::filesystem::path& path, const TickScene& scene,
                     const SelectionInputs& inputs, const Selections& selections);

}  // namespace sluice::apps

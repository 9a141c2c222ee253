// How many spatial tokens each layer of a language model sees: the fixed schedules of AdaToken-3D
// (arXiv 2505.12782).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::spatial3d {

/// After `layer` layers have run, int(S · ratio) spatial tokens go on, of the S there were before
/// the first layer. So layer `layer`, counted from 0, is the first one that sees fewer.
struct GateStage {
  std::int64_t layer = 0;
  double ratio = 1;
};

/// As the published code has it, for any S: few stages, layers strictly increasing, ratios in (0,1]
/// and never increasing.
struct StagedRatios {
  std::vector<GateStage> stages;
};

/// How a percentage of S becomes a count.
enum class CountRounding {
  down,    ///< int(S · percent / 100)
  nearest  ///< halves to even
};

/// A count for every layer as a share of S, for any S: [layers] percentages in [0,100] that never
/// increase.
struct LayerPercents {
  std::vector<double> percent{};
  CountRounding rounding = CountRounding::down;
};

/// A count for every layer, for one S only: [layers], never increasing, none above S.
struct LayerCounts {
  std::int64_t spatial_tokens = 0;  ///< S
  std::vector<std::int64_t> counts{};
};

struct GateSchedule {
  std::string name;
  std::string description;
  std::int64_t layers = 0;  ///< of the model
  std::variant<StagedRatios, LayerPercents, LayerCounts> plan;
};

/// Throws sluice::Error (kind input) naming `where` and the stage or layer that breaks a rule
/// above.
void validate(const GateSchedule& schedule, std::string_view where);

/// [layers] spatial tokens that each layer sees when there are `spatial_tokens` before the first.
/// Throws sluice::Error (kind input) for an invalid schedule, a number of tokens below 0
/// or above 2^31 − 1, and LayerCounts that were made for another one.
[[nodiscard]] std::vector<std::int64_t> layer_counts(const GateSchedule& schedule,
                                                     std::int64_t spatial_tokens);

/// One time that the gate works: in front of `layer` (counted from 0) it turns n_in spatial tokens
/// into n_out.
struct GateStep {
  std::int64_t layer = 0;
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;
  friend bool operator==(const GateStep&, const GateStep&) = default;
};

/// In order of layers. StagedRatios give a step for every stage, also where nothing is dropped;
/// plans per layer give a step wherever the count changes. Throws as layer_counts().
[[nodiscard]] std::vector<GateStep> gate_steps(const GateSchedule& schedule,
                                               std::int64_t spatial_tokens);

/// What the cost of a language model depends on. Defaults: LLaVA-3D-7B and the published example.
struct ModelSize {
  std::int64_t hidden_size = 4096;         ///< d
  std::int64_t intermediate_size = 11008;  ///< m, of the gated feed-forward network
  std::int64_t other_tokens = 61;          ///< system and prompt, never dropped
};

/// Multiply-adds of one layer over n tokens of any kind: 4nd² + 2n²d + 3ndm.
[[nodiscard]] double layer_cost(std::int64_t tokens, const ModelSize& model) noexcept;

/// Share of the prefill's multiply-adds that remains when layer l sees counts[l] spatial tokens
/// instead of `spatial_tokens`. Throws sluice::Error (kind input) if there is nothing to compute.
[[nodiscard]] double flops_left(std::span<const std::int64_t> counts, std::int64_t spatial_tokens,
                                const ModelSize& model);

}  // namespace sluice::spatial3d

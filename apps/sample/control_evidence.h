// How well a selection keeps what matters in the sample's reach-and-grasp, while simulated
// attention drives it: target, gripper, and what newly appears.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/sample/control_episode.h"
#include "apps/sample/simulated_attention.h"
#include "policy/tick_engine.h"

namespace sluice::sample {

/// Who gets to see this tick's tokens before the selection.
enum class AttentionScope : std::uint8_t {
  sent,     ///< nobody: the model is fed by the selection, and answers later
  prefill,  ///< the model's first layers, which score all of them: it prunes inside itself
};

struct ControlMethod {
  std::string name;
  policy::TickEngineOptions engine;  ///< its one source and its budget are filled in
  bool gets_feedback = true;
};

/// What is compared, ours first:
///
/// - "ours": all defaults
/// - "published": VLA-Pruner with its lock-in (no refresh, tokens that were not sent count as
/// zeros,
///   the decay reversed); but never over the budget, not even while warming up
/// - "semantic only": the highest semantic scores, as FastV (no refresh)
/// - "features alone": what stands out from the picture, without any feedback
/// - "uniform", "random", "downsampling" (nearest neighbours of a coarser grid)
[[nodiscard]] std::vector<ControlMethod> compared_methods();
/// Ours with one piece left out in turn: what each is good for.
[[nodiscard]] std::vector<ControlMethod> ours_without_a_piece();

/// What is looked for.
enum class Sought : std::uint8_t { target, gripper, newcomer };
inline constexpr std::size_t sought_count = 3;

/// Ticks after its appearance during which a newcomer counts as new.
inline constexpr std::int64_t newcomer_ticks = 10;

struct Recall {
  double sum = 0;          ///< over ticks: share of the object's patches that were sent
  std::int64_t ticks = 0;  ///< in which it was in view
  /// Requires that it was in view at all.
  [[nodiscard]] double mean() const noexcept { return sum / static_cast<double>(ticks); }
};

struct ControlResult {
  std::array<Recall, sought_count> recall;
  /// Ticks from a newcomer's appearance to its first token, 0: at once; newcomer_ticks if it had
  /// none in them. Summed over newcomers.
  std::int64_t first_token_ticks = 0;
  std::int64_t newcomers = 0;
};

/// Plays an episode through policy::TickEngine with exactly `budget` tokens a tick, and adds what
/// happened to `result`. Throws sluice::Error if the engine refuses a tick.
void run_control(const ControlEpisode& episode, const ControlMethod& method, std::int64_t budget,
                 AttentionScope scope, const SimulatedAttentionOptions& attention,
                 ControlResult& result);

}  // namespace sluice::sample

// A model that isn't there: what it would look at in the sample, told from the known masks, with
// the faults that real attention has. Simulated, not measured on any model.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/sample/control_episode.h"
#include "stream/feedback.h"

namespace sluice::sample {

/// Attention that a patch gets per share of it that an object of a role covers, before noise. Only
/// their proportions count.
struct RoleAttention {
  double target = 0, goal = 0, gripper = 0, newcomer = 0, distractor = 0;
};

/// All chance is drawn from the seed, tick, object and patch alone: methods that are compared meet
/// the same noise, blind spots and losses.
struct SimulatedAttentionOptions {
  /// "Put the target on the tray": what the instruction names.
  RoleAttention semantic{
      .target = 1.0, .goal = 0.6, .gripper = 0.3, .newcomer = 0.4, .distractor = 0.15};
  /// What the hand is busy with.
  RoleAttention action{
      .target = 0.8, .goal = 0.3, .gripper = 1.0, .newcomer = 0.4, .distractor = 0.05};
  double noise = 0.5;         ///< every value × exp(noise · normal)
  double clutter = 0.04;      ///< attention on any patch, × exp(normal): floor, wall, table
  int sinks = 4;              ///< patches that get attention whatever they show (attention sinks)
  double sink = 1.0;          ///< how much
  std::int64_t lag = 2;       ///< attention lies where things were so many ticks ago
  std::int64_t reaction = 2;  ///< ticks between a newcomer's first token and the first attention
  /// In every tick, with this chance, an object falls out of attention …
  double blind = 0.02;
  std::int64_t blind_least = 3, blind_most = 8;  ///< … for so many ticks
  double lost = 0.10;                            ///< chance that a feedback never arrives
  std::int64_t late_least = 1, late_most = 3;    ///< ticks after which the others do
};

/// One episode of a model that is fed by a selection. A newcomer exists for it only from the first
/// of its tokens on that it gets; all else depends on the tick alone.
class SimulatedModel {
 public:
  SimulatedModel(const ControlEpisode& episode, const SimulatedAttentionOptions& options);

  /// Attention on the patches that were sent in `tick`, in their order, adding up to 1 on either
  /// level. Ticks ascend.
  void look(std::int64_t tick, std::span<const std::int32_t> sent, stream::SourceFeedback& seen);
  /// The same on all patches, of a model that prunes inside itself: its first layers get all of
  /// this very tick's tokens. No lag, but noise, sinks and blind spots.
  void prefill(std::int64_t tick, std::vector<float>& semantic);
  /// Ticks until the feedback on `tick` arrives; 0: never.
  [[nodiscard]] std::int64_t delay(std::int64_t tick) const noexcept;

 private:
  enum class Level : std::uint8_t { semantic = 1, action = 2, prefill = 3 };
  [[nodiscard]] double attention(std::int64_t tick, std::int64_t shown_at, std::int32_t patch,
                                 Level level) const;
  void notice(std::int64_t tick, std::span<const std::int32_t> sent);
  [[nodiscard]] bool attends(std::int64_t tick, std::uint8_t object) const noexcept;
  [[nodiscard]] bool is_sink(std::int32_t patch) const noexcept;

  const ControlEpisode& episode_;
  SimulatedAttentionOptions options_;
  std::vector<std::int32_t> sinks_;                         ///< patches
  std::array<std::vector<std::uint8_t>, id::count> blind_;  ///< [ticks] by object
  std::array<std::int64_t, id::count> noticed_{};           ///< tick; −1: not yet
};

}  // namespace sluice::sample

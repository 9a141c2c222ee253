// What the model looked at in the last ticks, by token key, so that it survives a changed set of
// sent tokens (VLA-Pruner's action history, arXiv 2511.16449).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::policy {

struct AttentionHistoryOptions {
  std::int64_t window = 3;  ///< ticks that count
  double decay = 0.8;       ///< weight γ^i of the i-th newest
  /// What a token carries on, per tick in which it was not sent: its last value times this. It gave
  /// no evidence, which is not the same as zero. 0: as published, locks tokens out.
  double absent_decay = 0.8;
  /// As in the published base code, the oldest weighs most. For comparison only.
  bool reversed = false;
  /// Ticks without a token after which what it carries is forgotten once the window has passed
  /// them. Bounds the memory where keys come and go; 0.8^64 is below 10^-6.
  std::int64_t forget_after = 64;
};

/// Only ticks that the model answered count: one without attention is no tick here. The state
/// depends on which ticks were taken, not on the order in which they came.
class AttentionHistory {
 public:
  /// Throws sluice::Error for options out of range.
  explicit AttentionHistory(const AttentionHistoryOptions& options);
  /// After this, nothing is allocated as long as a tick has at most n keys.
  void reserve(std::int64_t n);

  /// Attention that the tokens `keys` received, as sent in `tick`, in any order; a key that was
  /// sent twice counts with its larger value. Ticks may come late and out of order: each takes its
  /// place by number. Returns whether it was taken: not if it has fallen out of the window, or is
  /// there already. Throws sluice::Error, and changes nothing, for unequal lengths and for values
  /// that are negative or not finite.
  bool push(std::int64_t tick, std::span<const std::int64_t> keys,
            std::span<const float> attention);
  /// scores[i] = Σ γ^j · value of keys[i] in the j-th newest tick / Σ γ^j, over the ticks there
  /// are; j = 1 is the newest. Keys that are unknown get 0. Returns whether any score is above 0:
  /// a history of zeros is no history. Cheapest with ascending keys. Throws sluice::Error for
  /// unequal lengths.
  bool scores(std::span<const std::int64_t> keys, std::span<float> scores) const;
  /// What a token that was sent received on average, in the window's ticks that sent any, weighted
  /// as in scores(); 0 if there were none. Unlike scores it says nothing of how many were sent.
  [[nodiscard]] double mean_of_sent() const noexcept { return mean_of_sent_; }
  /// Ticks in the window, 0 to `window`.
  [[nodiscard]] std::int64_t size() const noexcept { return ticks_in_window_; }
  void clear() noexcept;

 private:
  struct Attention {
    std::int64_t key;
    double value;
  };
  struct Tick {
    std::int64_t number = 0;
    std::vector<Attention> sent;  ///< ascending, unique keys
  };
  struct Known {
    std::int64_t key;
    double value;               ///< in the last tick looked at; decayed if it was not sent then
    double score;               ///< Σ weight · value over the ticks looked at
    std::int64_t absent_ticks;  ///< since it was last sent
  };

  [[nodiscard]] static double mean_of(const std::vector<Attention>& sent) noexcept;
  [[nodiscard]] double weight(std::int64_t age) const noexcept;
  void follow(const std::vector<Known>& before, const Tick& tick, double weight,
              std::vector<Known>& after) const;
  void drop_oldest();
  void update_scores();

  AttentionHistoryOptions options_;
  std::vector<Tick> window_;  ///< ascending by number; one more than counts, to take in the next
  std::int64_t ticks_in_window_ = 0;
  double mean_of_sent_ = 0;
  std::vector<Known> carried_;  ///< as of the tick before the window; all lists ascend by key
  std::vector<Known> known_;    ///< as of the newest tick
  std::vector<Known> scratch_;
};

}  // namespace sluice::policy

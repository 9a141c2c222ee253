// Which packets are out, and what became of the feedback on them. Late feedback is never applied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::policy {

/// What became of a feedback message.
enum class FeedbackFate : std::uint8_t {
  applied = 0,
  stale = 1,          ///< its tick is older than the limit
  duplicate = 2,      ///< its tick was answered before
  other_episode = 3,  ///< of an episode that has ended, or not begun
  unknown_tick = 4,   ///< between ticks that were sent, but never sent itself
  future = 5,         ///< of a tick that has not been sent yet
  malformed = 6,      ///< lengths or values that can't belong to the packet
  other_stream = 7,
};
inline constexpr std::size_t feedback_fates = 8;

struct FeedbackCounts {
  std::int64_t by_fate[feedback_fates] = {};
  std::int64_t unanswered = 0;  ///< packets forgotten without an answer

  [[nodiscard]] std::int64_t of(FeedbackFate fate) const noexcept {
    return by_fate[static_cast<std::size_t>(fate)];
  }
};

/// Remembers the packets of the last `limit` ticks: per source, the keys that were sent, in the
/// order in which they were sent. No allocation after reserve(). Counts run on across episodes.
class FeedbackLedger {
 public:
  /// Feedback is stale once its tick is `limit` ticks or more behind the last one sent; at least 1,
  /// which takes feedback on the last tick alone. Throws sluice::Error for less.
  explicit FeedbackLedger(std::int64_t limit);
  /// Room for packets of so many tokens from each of so many sources.
  void reserve(std::int64_t sources, std::int64_t tokens);

  /// A packet of so many tokens has left. Packets that are now beyond the limit are forgotten. An
  /// episode other than the current one begins with it, as by reset(). Ticks grow within an
  /// episode: returns false, and changes nothing, for one that doesn't.
  bool sent(std::int64_t tick, std::int64_t episode, std::int64_t tokens);
  /// Keys that one source has in the packet sent last.
  void sent_keys(std::size_t source, std::span<const std::int64_t> keys);

  /// Judges a feedback by its numbers alone, in this order: other_episode, future, stale,
  /// unknown_tick, duplicate. `applied` means that it may be applied now, and marks the tick as
  /// answered. Counted.
  [[nodiscard]] FeedbackFate judge(std::int64_t tick, std::int64_t episode) noexcept;
  /// For lengths and values found wrong after judge() said `applied`: takes that back and counts it
  /// as malformed; the tick still waits for its answer.
  void reject(std::int64_t tick) noexcept;
  /// Of a packet that is remembered; empty otherwise. Valid until the next sent() or reset().
  [[nodiscard]] std::span<const std::int64_t> keys(std::int64_t tick,
                                                   std::size_t source) const noexcept;
  /// Tokens in a packet that is remembered; 0 otherwise.
  [[nodiscard]] std::int64_t tokens(std::int64_t tick) const noexcept;
  /// For what is found out before there are numbers to judge: malformed, other_stream.
  void count(FeedbackFate fate) noexcept;
  [[nodiscard]] const FeedbackCounts& counts() const noexcept { return counts_; }
  /// A new episode: what is out is forgotten, and ticks begin again.
  void reset(std::int64_t episode) noexcept;

 private:
  struct Sent {
    std::int64_t tick = 0;
    std::int64_t tokens = 0;
    bool answered = false;
    std::vector<std::vector<std::int64_t>> keys;  // [source]; memory is kept
  };

  [[nodiscard]] Sent& newest() noexcept;
  [[nodiscard]] const Sent* find(std::int64_t tick) const noexcept;
  [[nodiscard]] Sent* find(std::int64_t tick) noexcept;
  void forget_oldest() noexcept;

  std::vector<Sent> ring_;  // [limit]
  std::size_t oldest_ = 0;  // index into the ring
  std::size_t size_ = 0;    // packets remembered, ascending by tick from `oldest_` on
  std::int64_t episode_ = 0;
  FeedbackCounts counts_;
};

}  // namespace sluice::policy

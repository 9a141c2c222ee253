// How many tokens each part of a segment may keep (design: "The budget, exactly"; HoliTom §1.3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "temporal/parameters.h"
#include "temporal/segmenter.h"

namespace sluice::temporal {

/// What a segment has to offer after its static positions are merged over time.
struct SegmentSupply {
  Segment segment;
  std::int64_t static_tokens = 0;            ///< positions redundant throughout
  std::vector<std::int64_t> dynamic_tokens;  ///< [frames] the others that are finite
  std::vector<std::int64_t> broken_tokens;   ///< [frames] others with NaN or infinity

  [[nodiscard]] std::int64_t available() const noexcept;
};

/// What it may keep.
struct SegmentQuota {
  std::int64_t static_tokens = 0;
  std::vector<std::int64_t> dynamic_tokens;  ///< [frames] broken ones included

  [[nodiscard]] std::int64_t total() const noexcept;
};

/// Shares a recording's budget over its segments. positions: S, tokens per frame.
///
/// Exact rounding: `total_budget` tokens; one ratio for static and dynamic groups alike, in output
/// order. Broken tokens get a share only when nothing else is left. Parity: the published counts.
[[nodiscard]] std::vector<SegmentQuota> share_recording(std::span<const SegmentSupply> supplies,
                                                        std::int64_t positions,
                                                        const HolitomParameters& parameters);

/// min(rnd(retain·tokens), available), or min(budget, available).
[[nodiscard]] std::int64_t total_budget(std::int64_t tokens, std::int64_t available,
                                        const HolitomParameters& parameters);

/// The exact rule within one segment: `tokens` ≤ available, shared over its groups.
[[nodiscard]] SegmentQuota share_segment(const SegmentSupply& supply, std::int64_t tokens);

/// The budget of a stream: earned token by token, spent segment by segment, never in advance.
class CausalBudget {
 public:
  /// `cap`: the most that can be saved up, in tokens.
  CausalBudget(double retain, std::int64_t cap) : retain_(retain), cap_(cap) {}

  /// `tokens` more have been seen; their share, cumulatively rounded, becomes credit.
  void earn(std::int64_t tokens) noexcept;
  /// Spends as much of the credit as there are tokens available, and says how much.
  std::int64_t spend(std::int64_t available) noexcept;

  [[nodiscard]] std::int64_t credit() const noexcept { return credit_; }
  /// Everything earned so far that was not spent; some of it may be lost to the cap.
  [[nodiscard]] std::int64_t unspent() const noexcept { return earned_ - spent_; }

 private:
  double retain_;
  std::int64_t cap_;
  std::int64_t seen_ = 0;
  std::int64_t earned_ = 0;
  std::int64_t spent_ = 0;
  std::int64_t credit_ = 0;
};

}  // namespace sluice::temporal

// One hard budget over several sources: cameras, voxel tokens, memory (design: "The budget,
// exactly", a tick).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::policy {

/// What one source brings to a tick. Negative numbers count as 0, but for `cap`.
struct SourceClaim {
  std::int64_t rows = 0;    ///< tokens there are
  std::int64_t floor = 0;   ///< gets at least min(floor, cap, rows)
  std::int64_t cap = -1;    ///< gets at most this many; −1: no cap
  std::int64_t pinned = 0;  ///< gets at least these, whatever its floor
  /// Weight of its claim on what is left after floors and pinned tokens; ≥ 0 and finite, otherwise
  /// it counts as 0. Weights are compared to 1 part in 2³⁰ of the greatest.
  double information = 0;
};

/// Scratch memory that is kept between calls.
struct ShareWorkspace {
  std::vector<std::int64_t> weight, room, remainder;

  /// After this, calls with up to so many sources allocate nothing.
  void reserve(std::size_t sources);
};

/// shares[i] with Σ shares = min(budget, Σ min(cap, rows)), each within its floor and cap. What is
/// left after floors and pinned tokens is shared in proportion to `information`; what a full source
/// can't take goes to the others in proportion; whole tokens by largest remainder, ties to the
/// lowest index. Where no source that has room has information, room counts instead. All of it in
/// whole numbers, so that ties are ties. A source with more information never gets less for it; one
/// token more of budget may take one from a source, as largest remainders do.
///
/// Returns false, and leaves `shares` zero, if floors and pinned tokens exceed the budget or pinned
/// tokens exceed min(cap, rows). Throws sluice::Error unless there is one share per claim.
[[nodiscard]] bool share_budget(std::int64_t budget, std::span<const SourceClaim> claims,
                                ShareWorkspace& workspace, std::span<std::int64_t> shares);

}  // namespace sluice::policy

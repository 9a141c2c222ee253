// Counts drawn from a spatial trace: the one place where overlay, report, summary and point file
// agree on what became of each patch and voxel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "apps/report/canvas.h"
#include "stream/spatial_trace.h"
#include "stream/token_batch.h"

namespace sluice::report {

/// What became of a voxel, or of a patch in it.
enum class SpatialFate : std::uint8_t {
  kept = 0,     ///< a token: it leaves for the model
  merged = 1,   ///< of patches only: averaged into a kept token
  dropped = 2,  ///< in the map, but others were chosen
  gone = 3,     ///< no longer in the map
};

/// Of a voxel. Never `merged`.
[[nodiscard]] SpatialFate fate_of(const stream::SpatialTraceVoxel& voxel) noexcept;

/// Why a token was kept, for people: name, meaning, colour, and CSS class.
struct ReasonStyle {
  stream::KeepReason reason;
  std::string_view name, meaning, css_class;
  Colour colour;
};
/// The reasons that spatial tokens are kept for, in the order in which pages show them.
[[nodiscard]] const std::array<ReasonStyle, 9>& spatial_reasons() noexcept;
/// The style of a reason; values that are not known get that of `everything`.
[[nodiscard]] const ReasonStyle& style_of(std::uint8_t reason) noexcept;

/// Whether the frames are clouds without pictures: then their tokens are "elements", not "patches".
[[nodiscard]] inline bool is_cloud(const stream::SpatialTrace& trace) noexcept {
  return trace.source.grid_rows == 0;
}

/// Throws sluice::Error unless the arrays of `trace` fit each other, and every voxel weighs as many
/// patches as are in it. Every other function on spatial traces relies on it and checks nothing.
void require_consistent(const stream::SpatialTrace& trace);

/// DropReasons are -1 to -9: index 1 to 9.
inline constexpr std::size_t drop_reason_count = 10;
[[nodiscard]] constexpr std::size_t drop_index(stream::DropReason reason) noexcept {
  return static_cast<std::size_t>(-static_cast<std::int32_t>(reason));
}

/// [F] seconds.
[[nodiscard]] std::vector<double> times_of(const stream::SpatialTrace& trace);

struct SpatialCounts {
  std::int64_t frames = 0;
  std::int64_t poses_given = 0, poses_estimated = 0, poses_missing = 0;
  std::int64_t poses_assumed = 0;  ///< nobody gave them
  std::int64_t patches = 0;
  std::int64_t placed = 0;       ///< patches that went into the map
  std::int64_t in_tokens = 0;    ///< patches that live on in a kept token
  std::int64_t voxels = 0;       ///< in the map after the last frame
  std::int64_t voxels_ever = 0;  ///< lives of voxels
  std::int64_t kept = 0;         ///< tokens
  std::array<std::int64_t, drop_reason_count> patches_dropped{};
  std::array<std::int64_t, drop_reason_count> voxels_dropped{};
  std::array<std::int64_t, 256> kept_for{};  ///< tokens per KeepReason
  /// Share of the kept tokens exchanged per frame although they could have stayed: mean and largest
  /// over the frames that had something to exchange.
  double mean_turnover = 0, highest_turnover = 0;

  /// Patches of surfaces that were in the map already, or that a patch of the same frame showed:
  /// near-duplicates, merged into a voxel that was there.
  [[nodiscard]] std::int64_t near_duplicates() const noexcept { return placed - voxels_ever; }
};
[[nodiscard]] SpatialCounts count(const stream::SpatialTrace& trace);

/// The promise of the exact budget, recomputed from the trace: after every frame, min(budget,
/// voxels) tokens were kept, and after the last one as many output rows are there.
struct SpatialBudgetCheck {
  std::int64_t allowed = 0;       ///< after the last frame
  std::int64_t counted = 0;       ///< output rows found in the trace
  std::int64_t exact_frames = 0;  ///< frames after which it held
  bool holds = false;
};
[[nodiscard]] SpatialBudgetCheck check_budget(const stream::SpatialTrace& trace);

}  // namespace sluice::report

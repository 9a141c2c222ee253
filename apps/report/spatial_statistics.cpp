#include "apps/report/spatial_statistics.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "apps/report/palette.h"
#include "kernels/error.h"

namespace sluice::report {
namespace {

using stream::DropReason;
using stream::KeepReason;
using stream::SpatialTrace;
using stream::SpatialTraceVoxel;

constexpr std::array reasons{
    ReasonStyle{KeepReason::attention, "Attention", "the model looked at it", "by-attention",
                palette::by_attention},
    ReasonStyle{KeepReason::saliency, "Score", "it scored highest, without attention",
                "by-saliency", palette::by_saliency},
    ReasonStyle{KeepReason::novelty, "Novelty", "new, or changed since it was known", "by-novelty",
                palette::by_novelty},
    ReasonStyle{KeepReason::surface, "Surface", "an edge, a corner or a small thing", "by-surface",
                palette::by_surface},
    ReasonStyle{KeepReason::visibility, "Visibility", "seen often, or from many sides",
                "by-visibility", palette::by_visibility},
    ReasonStyle{KeepReason::coverage, "Coverage", "the best of its region", "by-coverage",
                palette::by_coverage},
    ReasonStyle{KeepReason::refresh, "Refresh", "not sent lately, or out of view", "by-refresh",
                palette::by_refresh},
    ReasonStyle{KeepReason::pinned, "Pinned", "asked for by the caller", "by-pinned",
                palette::by_pinned},
    ReasonStyle{KeepReason::everything, "No choice", "nothing had to be dropped", "by-everything",
                palette::kept},
};

[[noreturn]] void fail(std::string_view what, std::string_view expected) {
  throw input_error("spatial trace", what, expected);
}

bool is_drop_reason(std::int64_t value) noexcept {
  return value < 0 && value > -static_cast<std::int64_t>(drop_reason_count);
}

void require_size(std::string_view name, std::size_t actual, std::size_t expected) {
  if (actual != expected) fail(concat(name, " has ", actual, " entries"), concat(expected));
}

void require_frames(const SpatialTrace& trace) {
  const std::size_t patches = trace.patch_voxel.size();
  require_size("first_patch", trace.first_patch.size(), trace.frames.size() + 1);
  require_size("patch_xyz", trace.patch_xyz.size(), 3 * patches);
  if (trace.first_patch.front() != 0 ||
      trace.first_patch.back() != static_cast<std::int64_t>(patches))
    fail("frames don't cover the patches", concat("patches 0 to ", patches));
  for (std::size_t f = 0; f < trace.frames.size(); ++f)
    if (trace.first_patch[f + 1] - trace.first_patch[f] != trace.frames[f].patches)
      fail(
          concat("frame ", f, " has ", trace.first_patch[f + 1] - trace.first_patch[f], " patches"),
          concat(trace.frames[f].patches));
}

void require_voxels(const SpatialTrace& trace) {
  std::vector<std::int64_t> weights(trace.voxels.size());
  for (const std::int32_t voxel : trace.patch_voxel) {
    if (is_drop_reason(voxel)) continue;
    if (voxel < 0 || static_cast<std::size_t>(voxel) >= weights.size())
      fail(concat("a patch is in voxel ", voxel),
           concat("one of ", weights.size(), " voxels, or a reason for dropping"));
    ++weights[static_cast<std::size_t>(voxel)];
  }
  std::vector<std::uint8_t> row_seen(trace.voxels.size());
  for (std::size_t v = 0; v < trace.voxels.size(); ++v) {
    const SpatialTraceVoxel& voxel = trace.voxels[v];
    if (weights[v] != voxel.weight)
      fail(concat("voxel ", v, " weighs ", voxel.weight), concat("its patches, ", weights[v]));
    if (is_drop_reason(voxel.fate)) continue;
    const auto row = static_cast<std::size_t>(voxel.fate);
    if (voxel.fate < 0 || row >= row_seen.size() || row_seen[row] != 0)
      fail(concat("voxel ", v, " went to row ", voxel.fate),
           "a row of its own, or a reason for dropping");
    row_seen[row] = 1;
  }
}

}  // namespace

SpatialFate fate_of(const SpatialTraceVoxel& voxel) noexcept {
  if (voxel.fate >= 0) return SpatialFate::kept;
  const auto reason = static_cast<DropReason>(voxel.fate);
  const bool gone = reason == DropReason::seen_through || reason == DropReason::evicted;
  return gone ? SpatialFate::gone : SpatialFate::dropped;
}

const std::array<ReasonStyle, 9>& spatial_reasons() noexcept {
  return reasons;
}

const ReasonStyle& style_of(std::uint8_t reason) noexcept {
  for (const ReasonStyle& style : reasons)
    if (static_cast<std::uint8_t>(style.reason) == reason) return style;
  return reasons.back();
}

void require_consistent(const SpatialTrace& trace) {
  require_frames(trace);
  require_voxels(trace);
}

std::vector<double> times_of(const SpatialTrace& trace) {
  std::vector<double> times;
  times.reserve(trace.frames.size());
  for (const auto& frame : trace.frames) times.push_back(frame.pts);
  return times;
}

SpatialCounts count(const SpatialTrace& trace) {
  SpatialCounts counts;
  counts.frames = static_cast<std::int64_t>(trace.frames.size());
  counts.patches = static_cast<std::int64_t>(trace.patch_voxel.size());
  counts.voxels_ever = static_cast<std::int64_t>(trace.voxels.size());
  std::int64_t exchanging = 0, kept_before = 0;
  for (const auto& frame : trace.frames) {
    std::int64_t& poses = !frame.pose            ? counts.poses_missing
                          : frame.pose_estimated ? counts.poses_estimated
                          : frame.pose_assumed   ? counts.poses_assumed
                                                 : counts.poses_given;
    ++poses;
    if (kept_before > 0) {
      counts.mean_turnover += frame.turnover;
      counts.highest_turnover = std::max(counts.highest_turnover, frame.turnover);
      ++exchanging;
    }
    kept_before = frame.kept;
  }
  if (exchanging > 0) counts.mean_turnover /= static_cast<double>(exchanging);
  for (const auto& voxel : trace.voxels) {
    if (fate_of(voxel) != SpatialFate::gone) ++counts.voxels;
    if (voxel.fate >= 0) {
      ++counts.kept;
      ++counts.kept_for[voxel.reason];
    } else {
      ++counts.voxels_dropped[static_cast<std::size_t>(-voxel.fate)];
    }
  }
  for (const std::int32_t voxel : trace.patch_voxel) {
    std::int32_t fate = voxel;
    if (voxel >= 0) {
      ++counts.placed;
      fate = trace.voxels[static_cast<std::size_t>(voxel)].fate;
    }
    if (fate >= 0)
      ++counts.in_tokens;
    else
      ++counts.patches_dropped[static_cast<std::size_t>(-fate)];
  }
  return counts;
}

SpatialBudgetCheck check_budget(const SpatialTrace& trace) {
  const auto allowed = [&](std::int64_t voxels) {
    const auto share =
        static_cast<std::int64_t>(std::nearbyint(trace.retain * static_cast<double>(voxels)));
    const std::int64_t tokens = trace.budget.value_or(share);
    return trace.max_tokens > 0 ? std::min(tokens, trace.max_tokens) : tokens;
  };
  SpatialBudgetCheck check;
  for (const auto& frame : trace.frames) {
    check.allowed = allowed(frame.voxels);
    if (frame.kept == std::min(check.allowed, frame.voxels)) ++check.exact_frames;
  }
  for (const auto& voxel : trace.voxels) check.counted += voxel.fate >= 0 ? 1 : 0;
  const std::int64_t kept = trace.frames.empty() ? 0 : trace.frames.back().kept;
  check.holds =
      check.exact_frames == static_cast<std::int64_t>(trace.frames.size()) && check.counted == kept;
  return check;
}

}  // namespace sluice::report

// summary.json of a 3-D recording: the run in numbers, for programs.
//
// {
//   "schema": "1.0",            readers accept any minor of a major they know
//   "version": "0.1.0",         of Sluice
//   "input": "…",               as the user named it
//   "mode": "spatial",
//   "retain": 0.37,             share of the voxels; null with a budget in tokens
//   "settings": {"…": "…"},     what decided, as text
//   "counts": {
//     "frames", "patches", "placed", "voxels", "kept",
//     "voxels_ever",            a place that was cleared and filled again counts twice
//     "in_tokens",              patches that live on in a kept token
//     "near_duplicates",        patches of surfaces that the map already held: placed - voxels_ever
//     "non_finite", "skipped_input"
//   },
//   "near_duplicate_share": 0.8,    of the placed patches
//   "poses": {"given", "estimated", "missing"},
//   "dropped": {"no_depth", "outside", "non_finite", "not_selected", "seen_through", "evicted",
//               "over_cap"},        patches
//   "voxels_dropped": {"not_selected", "seen_through", "evicted"},
//   "kept_for": {"attention": 3, …},      tokens per reason
//   "budget": {"allowed", "kept", "rows", "exact_frames", "exact"},
//   "turnover": {"mean", "highest"},      shares of the kept tokens, per frame
//   "voxel_size_m": 0.03,
//   "extent_m": {"min": [x, y, z], "max": [x, y, z]},   of the voxels in the map; null if none
//   "source": {"id", "grid": [rows, columns], "image": [width, height], "feature_width"},
//   "frames": {                     a list per property, with an entry per frame
//     "pts_s", "pose", "patches", "placed", "voxels", "budget", "kept", "added", "changed",
//     "seen_through", "evicted", "entered", "left", "vanished", "turnover"
//   },                              "pose": "given", "estimated" or "missing"
//   "notes": ["…"],
//   "wall": {"stage_ms": {"…": 1.2}, "frames_per_s": {"…": 3.4}}
// }
//
// Keys come in this order. Everything but "wall" is the same, byte for byte, in every run over the
// same input with the same settings. Numbers that don't exist (NaN) are null.
#pragma once

#include <filesystem>
#include <string>

#include "stream/spatial_trace.h"

namespace sluice::report {

/// Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string spatial_summary_json(const stream::SpatialTrace& trace);

/// Writes spatial_summary_json(); the file appears complete or not at all.
void write_spatial_summary(const stream::SpatialTrace& trace, const std::filesystem::path& path);

}  // namespace sluice::report

// summary.json: the run in numbers, for programs.
//
// {
//   "schema": "1.0",            readers accept any minor of a major they know
//   "version": "0.1.0",         of Sluice
//   "input": "…",               as the user named it
//   "mode": "offline",          or "causal"
//   "retain": 0.1, "tau": 0.8,
//   "settings": {"…": "…"},     what decided, as text
//   "counts": {                 tokens, unless they say otherwise
//     "frames", "seen", "available", "kept", "kept_static", "kept_dynamic", "unspent",
//     "input_kept", "input_merged", "input_dropped",   every input token once
//     "packets", "dropped_packets", "dropped_packet_tokens", "forced_cuts", "non_finite",
//     "skipped_input"
//   },
//   "dropped": {"not_selected", "no_centre", "non_finite", "late"},
//   "budget": {"allowed", "kept", "unspent", "rows", "exact", "exempt"},
//   "sources": [{
//     "id", "grid": [rows, columns], "image": [width, height], "feature_width", "frames",
//     "begin_s", "end_s", "redundant_share",
//     "segments": [{"first", "last", "begin_s", "static_positions", "static_kept",
//                   "dynamic_available", "dynamic_kept", "forced_cut"}]
//   }],
//   "notes": ["…"],
//   "wall": {"stage_ms": {"…": 1.2}, "frames_per_s": {"…": 3.4}}
// }
//
// Keys come in this order. Everything but "wall" is the same, byte for byte, in every run over the
// same input with the same settings. Numbers that don't exist (NaN) are null.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "stream/trace.h"

namespace sluice::report {

/// Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string summary_json(const stream::Trace& trace);

/// Writes summary_json(); the file appears complete or not at all.
void write_summary(const stream::Trace& trace, const std::filesystem::path& path);

/// "0.1.0"
[[nodiscard]] std::string_view sluice_version() noexcept;

}  // namespace sluice::report

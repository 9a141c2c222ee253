// summary.json of a video in a memory of fixed size, for programs.
//
// {
//   "schema": "1.0",            readers accept any minor of a major they know
//   "version": "0.1.0",         of Sluice
//   "input": "…",               as the user named it
//   "mode": "memory",
//   "complete": true,           the video was read to its end
//   "settings": {"…": "…"},     what decided, as text
//   "counts": {                 tokens, unless they say otherwise
//     "frames", "seen", "available", "unspent", "segments", "arrived", "kept", "chapters",
//     "compactions", "oversized_segments", "forced_cuts", "non_finite", "skipped_input"
//   },
//   "budget": {"tokens", "recent", "kept", "most_held", "exceeded"},
//   "weight": {"arrived", "kept"},         input tokens that those stand for
//   "checks": {"budget", "time", "weight"},   what a memory promises, counted again
//   "source": {"id", "grid": [rows, columns], "image": [width, height], "feature_width"},
//   "chapters": [{"first_frame", "last_frame", "begin_s", "last_s", "segments", "arrived",
//                 "tokens", "recent"}],
//   "history": [{"frames", "pts_s", "held", "arrived", "chapters"}],   at most 2,048 moments
//   "snapshots": ["tokens-60.safetensors"],
//   "notes": ["…"],
//   "wall": {"stage_ms": {"…": 1.2}, "frames_per_s": {"…": 3.4}}
// }
//
// Keys come in this order. Everything but "wall" is the same, byte for byte, in every run over the
// same input with the same settings. Numbers that don't exist (NaN) are null.
#pragma once

#include <filesystem>
#include <string>

#include "apps/report/memory_trace.h"

namespace sluice::report {

/// Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string memory_summary_json(const MemoryTrace& trace);

/// Writes memory_summary_json(); the file appears complete or not at all.
void write_memory_summary(const MemoryTrace& trace, const std::filesystem::path& path);

}  // namespace sluice::report

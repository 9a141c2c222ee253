// summary.json of a loop's replay: the run in numbers, for programs.
//
// {
//   "schema": "1.0",            readers accept any minor of a major they know
//   "version": "0.1.0",         of Sluice
//   "input": "…",               as the user named it
//   "mode": "loop",
//   "from": "log",              or "recording"
//   "settings": {"…": "…"},     what decided, as text
//   "counts": {
//     "ticks", "ok", "empty", "failed",   by what became of them
//     "episodes", "packets",
//     "offered", "available", "kept",     tokens
//     "non_finite"                        offered tokens with NaN or infinity
//   },
//   "budget": {"exact_ticks", "violations", "rows", "exact"},
//   "as_logged": {"compared", "different"},          ticks; null unless from a log
//   "feedback": {"received", "applied", "stale", …, "unanswered"},
//   "model_latency_ms": {"answers", "median", "p95", "highest", "missed"},  null without any
//   "kept_for": {"attention": 3, …},                 tokens per reason
//   "sources": [{"id", "grid": [rows, columns], "offered", "kept"}],
//   "ticks": {                    a list per property, with an entry per tick
//     "tick", "episode", "clock_s", "deadline_ms", "status", "budget", "available", "kept",
//     "kept_by_source",           a list per source
//     "feedback_age_ticks", "model_latency_ms", "turnover"
//   },
//   "notes": ["…"],
//   "wall": {"stage_ms": {"…": 1.2}}
// }
//
// Keys come in this order. Everything but "wall" is the same, byte for byte, in every run over the
// same input with the same settings. Numbers that don't exist (NaN) are null.
#pragma once

#include <filesystem>
#include <string>

#include "stream/tick_trace.h"

namespace sluice::report {

/// Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string tick_summary_json(const stream::TickTrace& trace);

/// Writes tick_summary_json(); the file appears complete or not at all.
void write_tick_summary(const stream::TickTrace& trace, const std::filesystem::path& path);

}  // namespace sluice::report

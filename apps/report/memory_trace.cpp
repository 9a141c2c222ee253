#include "apps/report/memory_trace.h"

#include "kernels/error.h"

namespace sluice::report {
namespace {

bool covers_every_frame(const MemoryTrace& trace) {
  if (trace.held == 0 && trace.chapters.empty()) return true;  // there is nothing to be found
  std::int64_t next = 0;
  for (const temporal::MemoryChapter& chapter : trace.chapters) {
    if (chapter.first_frame != next) return false;
    next = chapter.last_frame + 1;
  }
  return next == trace.totals.frames;
}

}  // namespace

MemoryCheck check_memory(const MemoryTrace& trace) {
  return {.budget = trace.held <= trace.budget && trace.most_held <= trace.budget,
          .weight = trace.held_weight == trace.arrived_weight,
          .time = covers_every_frame(trace)};
}

void require_consistent(const MemoryTrace& trace) {
  std::int64_t tokens = 0, arrived = 0;
  for (const temporal::MemoryChapter& chapter : trace.chapters) {
    if (chapter.first_frame > chapter.last_frame || chapter.first_pts > chapter.last_pts ||
        chapter.tokens < 0)
      throw input_error("memory trace",
                        concat("the chapter of frames ", chapter.first_frame, " to ",
                               chapter.last_frame, " is impossible"),
                        "an end behind its beginning, and tokens that can be counted");
    tokens += chapter.tokens;
    arrived += chapter.arrived;
  }
  if (tokens != trace.held || arrived != trace.arrived)
    throw input_error("memory trace",
                      concat("chapters of ", tokens, " tokens, of which ", arrived, " arrived"),
                      concat(trace.held, " and ", trace.arrived));
}

}  // namespace sluice::report

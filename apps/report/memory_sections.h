// The sections of the report on a memory, each a function from the trace to HTML. Private to the
// report.
#pragma once

#include <span>
#include <string>

#include "apps/report/memory_trace.h"
#include "apps/report/thumbnails.h"

namespace sluice::report {

/// What came, what is held, and whether the memory kept its promises.
[[nodiscard]] std::string memory_headline_section(const MemoryTrace& trace);
/// A few chapters in a row, as a first impression.
[[nodiscard]] std::string memory_filmstrip(const MemoryTrace& trace, const Thumbnails& thumbnails);
/// Where in time the tokens are, and how the memory filled.
[[nodiscard]] std::string memory_timeline_section(const MemoryTrace& trace);
[[nodiscard]] std::string memory_chapters_section(const MemoryTrace& trace,
                                                  const Thumbnails& thumbnails);
[[nodiscard]] std::string memory_incidents_section(const MemoryTrace& trace);
[[nodiscard]] std::string memory_footer_section();

/// Seconds from the beginning of the first chapter to the end of the last frame, which is taken to
/// be as long as the frames are on average; 0 without times that grow.
[[nodiscard]] double remembered_seconds(const MemoryTrace& trace);
/// A frame of the chapter of which there is a picture, or -1.
[[nodiscard]] std::int64_t pictured_frame(const temporal::MemoryChapter& chapter,
                                          const Thumbnails& thumbnails);

}  // namespace sluice::report

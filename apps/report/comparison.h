// Several settings over the same recording, side by side: one HTML file that needs nothing else.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "apps/report/thumbnails.h"
#include "stream/trace.h"

namespace sluice::report {

/// One run. The trace must outlive the call.
struct CompareEntry {
  std::string label;  ///< "retain 0.10, τ 0.80"
  const stream::Trace* trace = nullptr;
};

/// The page as text: a table, the kept tokens over time on equal axes, and the same moments under
/// each setting. Compares the first source of each run. `moments` holds the pictures of
/// comparison_frames(); may be empty. Throws sluice::Error if there is no entry, an entry has no
/// source, a trace contradicts itself, or the runs differ in their number of frames.
[[nodiscard]] std::string comparison_html(std::span<const CompareEntry> entries,
                                          const Thumbnails& moments);

/// Writes comparison_html(); the file appears complete or not at all.
void write_comparison(std::span<const CompareEntry> entries, const Thumbnails& moments,
                      const std::filesystem::path& path);

}  // namespace sluice::report

// The figures of `sluice bench tick`, for people and for programs.
#pragma once

#include <filesystem>
#include <vector>

#include "apps/bench/selection_inputs.h"
#include "apps/bench/tick_bench.h"

namespace sluice::apps {

/// The least that one core needs: see tick_floor.h.
struct TickFloor {
  double pass_ms = 0;
  double products_ms = 0;
  double peak = 0;  ///< billions of multiply-adds per second
  [[nodiscard]] double total_ms() const noexcept { return pass_ms + products_ms; }
};

struct TickReport {
  TickBenchOptions options;
  TickBenchFigures figures;
  TickFloor floor;
  Spread selection;       ///< the selection alone, without history, check, copies and encoding
  double candidates = 0;  ///< mean of one camera
};

void print_tick_header();
void print_tick_row(const TickReport& report);
/// Throws sluice::Error if it can't be written.
void write_tick_reports(const std::filesystem::path& path, const std::vector<TickReport>& reports);

}  // namespace sluice::apps

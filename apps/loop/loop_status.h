// What a person sees of a running loop: one line on a terminal, and a summary at the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "apps/loop/loop_run.h"

namespace sluice::apps {

/// Redraws one line on standard error a few times a second, where that is a terminal.
class LoopStatusLine {
 public:
  explicit LoopStatusLine(const LoopRun& run);
  LoopStatusLine(const LoopStatusLine&) = delete;
  LoopStatusLine& operator=(const LoopStatusLine&) = delete;
  /// Wipes the line.
  ~LoopStatusLine();
  void update();
  /// A line that stays, on standard error.
  void tell(const std::string& message);

 private:
  const LoopRun& run_;
  bool visible_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

/// What the line says, without the means to draw it.
[[nodiscard]] std::string loop_status_text(const LoopRun& run);

/// Several lines, at the end.
[[nodiscard]] std::string loop_summary_text(const LoopRun& run, double seconds);

}  // namespace sluice::apps

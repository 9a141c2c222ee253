// What a person sees of a running loop: one line on a terminal, and a summary at the end.
#pragma once

#include <chrono>
#include <string>

#include "apps/loop/loop_run.h"
#include "apps/terminal_line.h"

namespace sluice::apps {

/// Redraws one line on standard error a few times a second, where that is a terminal, and tells
/// once of what someone should look into.
class LoopStatusLine {
 public:
  explicit LoopStatusLine(LoopRun& run);
  void update();

 private:
  void tell_of_failures();
  void tell_of_refusals();

  LoopRun& run_;
  TerminalLine line_;
  std::chrono::steady_clock::time_point last_;
  bool told_of_feedback_ = false, told_of_keys_ = false;
};

/// What the line says, without the means to draw it.
[[nodiscard]] std::string loop_status_text(const LoopRun& run);

/// Several lines, at the end.
[[nodiscard]] std::string loop_summary_text(const LoopRun& run, double seconds);

}  // namespace sluice::apps

// One line on standard error that is drawn over and over, where that is a terminal.
#pragma once

#include <string>

namespace sluice::apps {

/// Wipes itself at the end, so that what follows stands alone. Never throws for a terminal that is
/// gone.
class TerminalLine {
 public:
  TerminalLine();
  TerminalLine(const TerminalLine&) = delete;
  TerminalLine& operator=(const TerminalLine&) = delete;
  ~TerminalLine() { wipe(); }

  [[nodiscard]] bool is_visible() const noexcept { return visible_; }
  /// Cut to the terminal's width: a line that wraps can't be drawn over.
  void draw(const std::string& text);
  void wipe();
  /// A line that stays. Written even where there is no terminal.
  void tell(const std::string& message);

 private:
  bool visible_;
  bool drawn_ = false;
};

}  // namespace sluice::apps

#include "apps/terminal_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>

namespace sluice::apps {
namespace {

std::size_t terminal_width() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80;
}

}  // namespace

TerminalLine::TerminalLine() : visible_(::isatty(STDERR_FILENO) != 0) {}

void TerminalLine::draw(const std::string& text) {
  if (!visible_) return;
  std::fputs(("\r\033[K" + text.substr(0, terminal_width() - 1)).c_str(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

void TerminalLine::wipe() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void TerminalLine::tell(const std::string& message) {
  wipe();
  std::fputs((message + "\n").c_str(), stderr);
}

}  // namespace sluice::apps

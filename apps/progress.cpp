#include "apps/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace sluice::apps {

using std::chrono::steady_clock;

Progress::Progress(std::string label, std::optional<std::int64_t> total)
    : label_(std::move(label)),
      total_(total),
      visible_(::isatty(STDERR_FILENO) != 0),
      start_(steady_clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void Progress::update(std::int64_t done) {
  if (!visible_) return;
  const auto now = steady_clock::now();
  if (drawn_ && now - last_ < std::chrono::milliseconds(150)) return;
  last_ = now;
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0.5 ? static_cast<double>(done) / seconds : 0;
  std::string line = fmt::format("\r\033[K{}: {}", label_, done);
  if (total_ && *total_ > 0) {
    const std::int64_t total = std::max(*total_, done);
    line += fmt::format(" of {} ({:.0f} %)", total,
                        100.0 * static_cast<double>(done) / static_cast<double>(total));
    if (rate > 0) line += fmt::format(", {:.0f} s left", static_cast<double>(total - done) / rate);
  }
  if (rate > 0) line += fmt::format(", {:.1f} per second", rate);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace sluice::apps

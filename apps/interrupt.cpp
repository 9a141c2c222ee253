#include "apps/interrupt.h"

#include <unistd.h>

#include <csignal>

namespace sluice::apps {
namespace {

std::atomic<bool> stop{false};
std::atomic<bool> end_at_once{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

void on_signal(int) {
  if (stop.exchange(true) || end_at_once) ::_exit(exit_interrupted);
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void end_at_next_signal() noexcept {
  end_at_once = true;
}

const std::atomic<bool>& stop_requested() noexcept {
  return stop;
}

}  // namespace sluice::apps

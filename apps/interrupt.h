// Ctrl-C asks work to stop; it then writes what it has. A second Ctrl-C ends the program at once.
#pragma once

#include <atomic>

namespace sluice::apps {

/// Exit code of a command that was stopped but left valid files, as shells expect it.
inline constexpr int exit_interrupted = 130;

/// Installs handlers for SIGINT and SIGTERM, and ignores SIGPIPE and SIGXFSZ so that both surface
/// as errors of the write that caused them.
void install_interrupt_handlers();

/// From now on the first signal ends the program at once: there is nothing left to write.
void end_at_next_signal() noexcept;

/// Becomes true with the first signal.
[[nodiscard]] const std::atomic<bool>& stop_requested() noexcept;

}  // namespace sluice::apps

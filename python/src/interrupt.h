// Ctrl-C during long calls.
#pragma once

namespace sluice::python {

/// Remembers which thread Python's signal handlers run on; to be called with the GIL, once.
void bind_interrupt();

/// For kernels::ThreadPool::set_poll, without the GIL: runs the handlers of signals that have come,
/// and throws what they raised (KeyboardInterrupt). On other threads than Python's main one, which
/// never run handlers, it does nothing, and does not wait for the GIL either.
void check_signals();

}  // namespace sluice::python

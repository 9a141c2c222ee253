#include "python/src/interrupt.h"

#include <nanobind/nanobind.h>
#include <pthread.h>  // pthread_atfork

namespace sluice::python {
namespace {

namespace nb = nanobind;

unsigned long main_thread = 0;  // as Python names threads

}  // namespace

void bind_interrupt() {
  const nb::object thread = nb::module_::import_("threading").attr("main_thread")();
  main_thread = nb::cast<unsigned long>(thread.attr("ident"));
  // In a forked child, Python's main thread is the one that forked.
  ::pthread_atfork(nullptr, nullptr, [] { main_thread = PyThread_get_thread_ident(); });
}

void check_signals() {
  if (PyThread_get_thread_ident() != main_thread) return;
  const nb::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace sluice::python

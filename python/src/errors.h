// sluice::Error as Python exceptions.
#pragma once

#include <nanobind/nanobind.h>

namespace sluice::python {

/// Adds `InputError` (a ValueError) and `EngineError` (a RuntimeError) to the module, and raises
/// them for sluice::Error of kind input and system.
void bind_errors(nanobind::module_& module);

}  // namespace sluice::python

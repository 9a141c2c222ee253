// sluice.TickOptions as the engine's.
#pragma once

#include <nanobind/nanobind.h>

#include "policy/tick_engine.h"

namespace sluice::python {

/// Throws sluice::Error naming the field that is of another type; the engine checks the ranges.
[[nodiscard]] policy::TickEngineOptions tick_options(nanobind::handle options);

}  // namespace sluice::python

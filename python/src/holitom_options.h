// sluice.HolitomParameters as the engine's.
#pragma once

#include <nanobind/nanobind.h>

#include "temporal/parameters.h"

namespace sluice::python {

/// Throws sluice::Error naming the field that is of another type or out of range.
[[nodiscard]] temporal::HolitomParameters holitom_parameters(nanobind::handle parameters);

}  // namespace sluice::python

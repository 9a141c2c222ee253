// What the last prompt token looked at, averaged over heads.
#pragma once

#include <vector>

#include "python/src/tensor_argument.h"

namespace sluice::python {

/// [n] or [heads,n] of any float type → [n]; empty if it was not given. Needs no GIL. Throws
/// sluice::Error for other shapes and types.
[[nodiscard]] std::vector<double> mean_over_heads(const TensorArgument& attention);

}  // namespace sluice::python

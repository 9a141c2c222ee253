// Whether a CUDA device can be used, and if not, why. Built where a CUDA compiler was found.
#pragma once

#include <string>

namespace sluice::kernels::cuda {

/// Empty if the device can be used; else what is in the way: no driver, one that is too old, no
/// such device, a device that is too old, one that doesn't answer. Sets up the device's context,
/// which takes long the first time.
[[nodiscard]] std::string what_hinders(int device = 0);

}  // namespace sluice::kernels::cuda

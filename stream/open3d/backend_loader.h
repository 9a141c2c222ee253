// Loads the module that uses Open3D.
#pragma once

#include "stream/open3d/backend.h"

namespace sluice::stream {

/// Loads the module at the first call (about 30 ms). Thread-safe. Throws sluice::Error (kind
/// system), saying what to install, if the project was built without Open3D, if the module or a
/// library it needs is missing, or if it belongs to another version.
[[nodiscard]] const Open3dBackend& open3d_backend();

/// Whether the project was built with Open3D. Loads nothing.
[[nodiscard]] bool built_with_open3d() noexcept;

}  // namespace sluice::stream

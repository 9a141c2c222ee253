// Camera matrices in text files: intrinsics 3×3 and poses 4×4.
#pragma once

#include <filesystem>

#include "stream/source.h"

namespace sluice::stream {

/// Nine numbers, "fx 0 cx  0 fy cy  0 0 1", over any number of lines. Throws sluice::Error (kind
/// input), naming the file, for anything else: another count, NaN, focal lengths that are not
/// positive, skew, a matrix written column by column.
[[nodiscard]] Intrinsics read_intrinsics(const std::filesystem::path& path);

/// Sixteen numbers, a rigid transform row by row, metres. Throws sluice::Error (kind input), naming
/// the file, for anything else: NaN or zeros where tracking was lost, a scaled or mirrored frame.
[[nodiscard]] Pose read_pose(const std::filesystem::path& path);

}  // namespace sluice::stream

// Folders that commands write to.
#pragma once

#include <filesystem>

namespace sluice::apps {

/// Creates `folder` if need be. Throws sluice::Error (kind input) if something else is there or it
/// can't be created.
void make_output_folder(const std::filesystem::path& folder);

/// Throws sluice::Error (kind input) if `output` is the very file that is being read.
void refuse_to_overwrite(const std::filesystem::path& input, const std::filesystem::path& output);

}  // namespace sluice::apps

// Folders that commands write to.
#pragma once

#include <filesystem>

namespace sluice::apps {

/// Creates `folder` if need be. Throws sluice::Error (kind input) if something else is there or it
/// can't be created.
void make_output_folder(const std::filesystem::path& folder);

}  // namespace sluice::apps

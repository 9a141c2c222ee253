#include "apps/output_folder.h"

#include "kernels/error.h"

namespace sluice::apps {

void make_output_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!std::filesystem::is_directory(folder))
    throw input_error(folder.string(), error ? error.message() : "is not a folder",
                      "a folder that exists or can be created");
}

}  // namespace sluice::apps

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

void refuse_to_overwrite(const std::filesystem::path& input, const std::filesystem::path& output) {
  std::error_code unknown;  // one of them does not exist: nothing to lose
  if (std::filesystem::equivalent(input, output, unknown))
    throw input_error(output.string(), "is the input itself", "another place for the output");
}

}  // namespace sluice::apps

// sluice reduce --method holitom: one clip of features, merged over time and selected.
#pragma once

#include <filesystem>
#include <string>

#include "apps/reduction_options.h"

namespace CLI {
class App;
}

namespace sluice::apps {

struct HolitomOptions {
  std::string grid;
  std::string backend;  ///< as kernels::requested_backend() takes it
  ReductionOptions reduction;
};

void add_holitom_options(CLI::App& command, HolitomOptions& options);

/// features [F,S,D], optional attention [F,S] → a token file, the same from every backend. Throws
/// sluice::Error. Returns an exit code.
int run_holitom(const std::filesystem::path& input, const std::filesystem::path& output,
                const HolitomOptions& options, int threads);

}  // namespace sluice::apps

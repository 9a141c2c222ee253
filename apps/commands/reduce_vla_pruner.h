// sluice reduce --method vla-pruner: one step of VLA-Pruner's selection, as a function of a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace CLI {
class App;
}

namespace sluice::apps {

struct VlaPrunerOptions {
  std::optional<std::int64_t> keep;  ///< `--keep` is shared with other methods
  std::int64_t window = 3;           ///< rows of the history that count
  double decay = 0.8;                ///< weight γ^i of the i-th newest
};

void add_vla_pruner_options(CLI::App& command, VlaPrunerOptions& options);

/// embeddings [N,D], semantic [N], optional history [w,N], newest first, of which `window` rows
/// count → keep [min(K,N)] i64 ascending, features [min(K,N),D]. Without a history, or with one of
/// zeros, semantic decides alone. Throws sluice::Error. Returns an exit code.
int run_vla_pruner(const std::filesystem::path& input, const std::filesystem::path& output,
                   const VlaPrunerOptions& options, int threads);

}  // namespace sluice::apps

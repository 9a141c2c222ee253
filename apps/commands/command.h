// What main() needs of a subcommand: how to add it, and what to run once it was chosen.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace sluice::apps {

struct GlobalOptions {
  int threads = 0;  ///< 0: one per core
};

/// Runs after parsing; returns the exit code. Bad input is thrown as sluice::Error.
using Action = std::function<int()>;

void add_reduce(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_replay(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_compare(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_stream(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_video(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_recv(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_sample(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_calibrate(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_bench(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_keys(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_loop(CLI::App& app, const GlobalOptions& globals, Action& action);
void add_model(CLI::App& app, const GlobalOptions& globals, Action& action);

}  // namespace sluice::apps

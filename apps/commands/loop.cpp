// sluice loop: sources, engine and model at a tick rate.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/loop/loop_run.h"
#include "apps/loop/loop_status.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

struct LoopOptions {
  std::filesystem::path config;
  std::filesystem::path log;
  std::optional<std::int64_t> ticks;
  bool check = false;
};

/// Features come when their sender is there: that may take a while, and may never happen.
void announce_waiting(const LoopConfig& config) {
  for (const LoopInputConfig& input : config.inputs)
    if (kind_of(input.input.input) == InputKind::feature_endpoint)
      fmt::print("Waiting for features of {} on {}, {} s at most\n", input.source.id,
                 input.input.input, input.input.timeout_s);
  std::fflush(stdout);
}

void announce(const LoopConfig& config, const LoopRun& run) {
  if (const stream::ControlLink* link = run.link()) {
    fmt::print("Sending {} from {}, taking feedback on {}\n", config.engine.stream,
               link->packets_endpoint(), link->feedback_endpoint());
    if (!link->warning().empty()) fmt::print(stderr, "sluice: warning: {}\n", link->warning());
  }
  if (run.metrics_server() != nullptr) {
    fmt::print("Metrics at {}\n", run.metrics_server()->url());
    if (!is_local(stream::parse_endpoint("tcp://" + config.metrics)))
      fmt::print(stderr, "sluice: warning: anyone who can reach {} can read the metrics\n",
                 config.metrics);
  }
  for (const LoopInputConfig& input : config.inputs)
    if (input.input.allow_remote && kind_of(input.input.input) == InputKind::feature_endpoint)
      fmt::print(stderr, "sluice: warning: anyone who can reach {} can send frames for input {}\n",
                 input.input.input, input.source.id);
  std::fflush(stdout);
}

int run(const LoopOptions& options, int threads) {
  // Read once: the log holds the very text that runs.
  const LoopConfigFile file{read_loop_config_text(options.config),
                            std::filesystem::absolute(options.config).parent_path()};
  LoopConfig config = parse_loop_config(file.text, options.config.string(), file.folder);
  if (options.check) {
    fmt::print("{}: fine\n", options.config.string());
    return exit_ok;
  }
  if (!options.log.empty()) config.log = options.log;
  if (options.ticks) config.ticks = *options.ticks;
  const auto begin = std::chrono::steady_clock::now();
  announce_waiting(config);
  // One thread unless asked otherwise: handing a millisecond's work around costs more than it
  // saves.
  LoopRun loop(config, file, threads > 0 ? threads : 1, stop_requested());
  announce(config, loop);
  {
    LoopStatusLine status(loop);
    loop.run([&status] { status.update(); });
    status.update();  // what came last
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  fmt::print("{}", loop_summary_text(loop, time.count()));
  if (!config.log.empty())
    fmt::print("Wrote {}; `sluice replay {} --as-loop -o out` runs it again\n", config.log.string(),
               config.log.string());
  for (const std::string& note : loop.notes()) fmt::print(stderr, "sluice: {}\n", note);
  std::fflush(stdout);
  if (stop_requested()) return exit_interrupted;
  return loop.input_failed() ? exit_failure : exit_ok;
}

}  // namespace

void add_loop(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<LoopOptions>();
  auto* command = app.add_subcommand("loop", "Run a robot's control loop: a packet per tick");
  command->add_option("--config", options->config, "TOML file; docs/loop.md has every key")
      ->required();
  command->add_option("--log", options->log, "New folder for the tick log");
  command->add_option("--ticks", options->ticks, "End after so many ticks")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 53));
  command->add_flag("--check", options->check, "Only check the config");
  command->footer(
      "Example:\n  sluice loop --config docs/examples/loop.toml --log out/log\n"
      "  sluice model tcp://127.0.0.1:5560");
  command->callback([options, &globals, &action] {
    action = [options, &globals] { return run(*options, globals.threads); };
  });
}

}  // namespace sluice::apps

// The sluice command: parses, runs one subcommand, and turns errors into exit codes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "kernels/error.h"

namespace {

using namespace sluice;  // NOLINT: this is the program's own file

int run(int argc, char** argv) {
  CLI::App app{"Sluice decides which vision tokens a multimodal model gets to see.", "sluice"};
  apps::GlobalOptions globals;
  apps::Action action;
  app.set_version_flag("--version", std::string("sluice ") + SLUICE_VERSION);
  app.add_option("--threads", globals.threads, "Threads to compute with; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 256));
  app.fallthrough();
  // None is caught below: CLI11 would say that one is missing even where it is only misspelt.
  app.require_subcommand(0, 1);
  app.footer(
      "Example:\n  sluice replay clip.mp4 -o out --retain 0.1\n\n"
      "`sluice COMMAND --help` explains each command. Exit codes: 0 fine, 1 failed, 2 bad input, "
      "130 stopped.");
  apps::add_reduce(app, globals, action);
  apps::add_replay(app, globals, action);
  apps::add_compare(app, globals, action);
  apps::add_stream(app, globals, action);
  apps::add_video(app, globals, action);
  apps::add_recv(app, globals, action);
  apps::add_sample(app, globals, action);
  apps::add_calibrate(app, globals, action);
  apps::add_bench(app, globals, action);
  apps::add_keys(app, globals, action);
  apps::add_loop(app, globals, action);
  apps::add_model(app, globals, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with exit code 0.
    return app.exit(error) == 0 ? apps::exit_ok : apps::exit_bad_input;
  }
  if (!action) {
    fmt::print(stderr, "{}", app.help());
    return apps::exit_bad_input;
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  apps::install_interrupt_handlers();
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "sluice: {}\n", error.what());
    // Stopped before there was anything to write.
    if (apps::stop_requested()) return apps::exit_interrupted;
    return error.kind() == Error::Kind::input ? apps::exit_bad_input : apps::exit_failure;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "sluice: out of memory\n");
    return apps::exit_failure;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sluice: {}\n", error.what());
    return apps::exit_failure;
  }
}

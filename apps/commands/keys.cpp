// sluice keys: makes a CURVE key pair for the link between a control loop and its model.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "stream/io/curve.h"

namespace sluice::apps {
namespace {

int run(const std::filesystem::path& name) {
  const stream::CurveKeys keys = stream::make_curve_keys();
  stream::write_curve_keys(keys, name);
  const std::string file = name.string();
  fmt::print(
      "{0}.secret  stays where it was made; only you can read it\n"
      "{0}.public  goes to the other side: {1}\n\n"
      "For the loop, in loop.toml:\n"
      "  [link.curve]\n"
      "  secret_key = \"{0}.secret\"\n"
      "  clients = \"models\"    # a folder with the models' *.public files; without it, any "
      "model\n"
      "                        # that knows the loop's public key may connect\n\n"
      "For a model, with the loop's public key beside it:\n"
      "  sluice model ENDPOINT --key {0}.secret --server-key LOOP.public\n",
      file, keys.public_key);
  return exit_ok;
}

}  // namespace

void add_keys(CLI::App& app, const GlobalOptions&, Action& action) {
  auto name = std::make_shared<std::filesystem::path>();
  auto* command = app.add_subcommand("keys", "Make keys that encrypt a loop's link to its model");
  command
      ->add_option("NAME", *name,
                   "Writes NAME.public and NAME.secret; files that are there are never replaced")
      ->required();
  command->footer("Example:\n  sluice keys loop");
  command->callback([name, &action] { action = [name] { return run(*name); }; });
}

}  // namespace sluice::apps

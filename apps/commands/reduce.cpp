// sluice reduce: one file of features (safetensors), reduced by a method of choice.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/commands/command.h"
#include "apps/commands/reduce_holitom.h"
#include "apps/commands/reduce_stage_gate.h"
#include "apps/commands/reduce_vla_pruner.h"
#include "apps/commands/reduce_voxel.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

struct ReduceOptions {
  std::filesystem::path input;
  std::filesystem::path output;
  std::string method = "holitom";
  HolitomOptions holitom;
  VoxelOptions voxel;
  StageGateOptions stage_gate;
  VlaPrunerOptions vla_pruner;
};

/// Which methods an option belongs to.
class OptionOwners {
 public:
  explicit OptionOwners(CLI::App& command) : command_(command) {}

  /// Calls add(), which adds the options of `method`.
  template <typename Add>
  void add(const std::string& method, Add&& add) {
    const auto before = command_.get_options();
    add();
    for (CLI::Option* option : command_.get_options())
      if (std::find(before.begin(), before.end(), option) == before.end()) {
        methods_[option] = {method};
        option->group("Method " + method);
      }
  }

  /// `method` takes an option that another method has added, too.
  void share(const std::string& name, const std::string& method) {
    CLI::Option* option = command_.get_option(name);
    auto& methods = methods_.at(option);
    methods.push_back(method);
    option->group("Methods " + CLI::detail::join(methods, ", "));
  }

  /// Throws sluice::Error for a given option that `method` doesn't have.
  void check(const std::string& method) const {
    for (const auto& [option, methods] : methods_)
      if (option->count() > 0 && std::find(methods.begin(), methods.end(), method) == methods.end())
        throw input_error(option->get_name(), concat("is no option of --method ", method),
                          concat("it with --method ", CLI::detail::join(methods, " or ")));
  }

 private:
  CLI::App& command_;
  std::map<CLI::Option*, std::vector<std::string>> methods_;
};

int run(const ReduceOptions& options, int threads) {
  if (options.method == "voxel")
    return run_voxel(options.input, options.output, options.voxel, threads);
  if (options.method == "stage-gate")
    return run_stage_gate(options.input, options.output, options.stage_gate);
  if (options.method == "vla-pruner")
    return run_vla_pruner(options.input, options.output, options.vla_pruner, threads);
  return run_holitom(options.input, options.output, options.holitom, threads);
}

}  // namespace

void add_reduce(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<ReduceOptions>();
  auto* command = app.add_subcommand("reduce", "Reduce one file of features (safetensors)");
  command->add_option("INPUT", options->input, "Features, and what the method needs (see below)")
      ->required();
  command->add_option("-o,--output", options->output, "Where the tokens go")->required();
  command->add_option("--method", options->method, "Which method")
      ->check(CLI::IsMember({"holitom", "voxel", "stage-gate", "vla-pruner"}))
      ->capture_default_str();
  auto owners = std::make_shared<OptionOwners>(*command);
  owners->add("holitom", [&] { add_holitom_options(*command, options->holitom); });
  owners->add("voxel", [&] { add_voxel_options(*command, options->voxel); });
  owners->add("stage-gate", [&] { add_stage_gate_options(*command, options->stage_gate); });
  owners->add("vla-pruner", [&] { add_vla_pruner_options(*command, options->vla_pruner); });
  owners->share("--rounding", "voxel");
  command->get_option("--rounding")
      ->description("exact: counts to the token, places on surfaces; parity: as published");
  owners->share("--keep", "vla-pruner");
  command->get_option("--keep")->description(
      "Tokens to keep: of the spatial ones, or (vla-pruner, which needs it) of all");
  command->footer(
      "Example:\n  sluice reduce features.safetensors -o tokens.safetensors --retain 0.1\n\n"
      "Input of --method holitom: features [F,S,D]; optional attention [F,S].\n"
      "Of --method voxel: features [V,h,w,D], depth [V,H,W] in metres, pose [V,4,4] from camera "
      "to\n"
      "world, intrinsics [3,3] or [V,3,3] in pixels of the depth; optional pts [V] in seconds.\n"
      "Of --method stage-gate: attention [n] or [heads,n] of the last row; optional hidden [n,D],\n"
      "position_ids [n].\n"
      "Of --method vla-pruner: embeddings [N,D], semantic [N]; optional history [w,N], newest row\n"
      "first, of the attention that actions paid.");
  command->callback([options, owners, &globals, &action] {
    action = [options, owners, &globals] {
      owners->check(options->method);
      options->voxel.rounding = options->holitom.reduction.rounding;
      options->vla_pruner.keep = options->stage_gate.keep;
      return run(*options, globals.threads);
    };
  });
}

}  // namespace sluice::apps

// sluice calibrate: attention maps of a model → the schedule of its gate.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "apps/attention_sample.h"
#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "apps/schedule_output.h"
#include "kernels/error.h"
#include "spatial3d/decay_curve.h"
#include "spatial3d/schedule_presets.h"
#include "stream/atomic_file.h"

namespace sluice::apps {
namespace {

using spatial3d::GateSchedule;
using std::filesystem::path;

struct CalibrateOptions {
  std::vector<path> inputs;
  path output;
  std::string layout;
  std::string borders = "segments";
  spatial3d::FlowOptions flow;
  std::string preset;
  bool list_presets = false;
  std::vector<std::int64_t> stages;
  std::int64_t layers = 32;
  std::optional<std::int64_t> spatial_tokens;
  std::optional<std::int64_t> other_tokens;
  spatial3d::ModelSize model;
};

/// What the samples say together.
struct Measurement {
  spatial3d::FlowAverage average;
  double system = 0, spatial = 0, text = 0;  // sums over samples
  std::int64_t unusable = 0;
  bool stopped = false;

  void add(const AttentionSample& sample, const path& file) {
    const auto layers = std::ssize(sample.flow);
    if (average.samples() > 0 && layers != average.layers())
      throw input_error(file.string(), concat(layers, " layers"),
                        concat(average.layers(), ", as the files before"));
    average.add(sample.flow);
    system += static_cast<double>(sample.layout.system);
    spatial += static_cast<double>(sample.layout.spatial);
    text += static_cast<double>(sample.layout.text);
  }
  [[nodiscard]] spatial3d::TokenLayout mean_layout() const {
    const auto samples = static_cast<double>(average.samples());
    return {std::llround(system / samples), std::llround(spatial / samples),
            std::llround(text / samples)};
  }
};

/// The safetensors files of a folder by name, or the file itself.
std::vector<path> samples_of(const path& input) {
  if (!std::filesystem::is_directory(input)) return {input};
  std::error_code error;
  std::vector<path> files;
  for (const auto& entry : std::filesystem::directory_iterator(input, error))
    if (entry.is_regular_file(error) && entry.path().extension() == ".safetensors")
      files.push_back(entry.path());
  if (files.empty())
    throw input_error(input.string(), "holds no *.safetensors files", "attention maps");
  std::sort(files.begin(), files.end());
  return files;
}

/// One sample at a time and one layer at a time. What can't be used is named and left out.
Measurement measure(const CalibrateOptions& options, const std::vector<path>& files, int threads) {
  std::optional<spatial3d::TokenLayout> layout;
  if (!options.layout.empty()) layout = parse_layout(options.layout, "--layout");
  spatial3d::FlowOptions flow = options.flow;
  flow.borders = options.borders == "parity" ? spatial3d::BlockBorders::parity
                                             : spatial3d::BlockBorders::segments;
  kernels::Resources resources(threads);
  Measurement measurement;
  for (std::size_t i = 0; i < files.size() && !measurement.stopped; ++i) {
    try {
      std::optional<Progress> progress;
      const auto sample = measure_sample(
          resources, files[i], layout, flow, stop_requested(), [&](std::int64_t done, auto layers) {
            if (!progress)
              progress.emplace(fmt::format("sample {} of {}, layer", i + 1, files.size()), layers);
            progress->update(done);
          });
      measurement.stopped = !sample.complete;
      if (sample.complete) measurement.add(sample, files[i]);
    } catch (const Error& error) {
      fmt::print(stderr, "sluice: {}: left out\n", error.what());
      ++measurement.unusable;
    }
  }
  return measurement;
}

GateSchedule calibrated(const CalibrateOptions& options, std::int64_t layers,
                        const spatial3d::ScheduleFit& fit) {
  GateSchedule schedule{.name = "calibrated",
                        .description =
                            "f(x) = D + (100 - D) exp(-B (x - 1)) from 100 % at the "
                            "first layer to 10 % at the last, fitted to attention maps",
                        .layers = layers,
                        .plan = {}};
  if (options.stages.empty())
    schedule.plan = spatial3d::decay_plan(fit.rate, layers);
  else
    schedule.plan = spatial3d::decay_plan(fit.rate, layers, options.stages);
  validate(schedule, "--stages");
  return schedule;
}

/// Complains before hours of work, not after them.
void require_writable(const CalibrateOptions& options, const std::vector<path>& files) {
  if (options.output.empty()) throw input_error("-o", "is missing", "the file to write to");
  const path plot = plot_path(options.output);
  if (plot == options.output)
    throw input_error(options.output.string(), "is where the plot goes", "a name like x.json");
  for (const path& place : {options.output, plot}) {
    for (const path& file : files) refuse_to_overwrite(file, place);
    const stream::AtomicFile probe(place);  // removed again, because nothing commits it
  }
}

/// Counts and cost, for as many spatial tokens as asked for, else as there were.
void complete(const CalibrateOptions& options, const GateSchedule& schedule,
              spatial3d::TokenLayout usual, ScheduleDetails& details) {
  details.spatial_tokens = options.spatial_tokens.value_or(usual.spatial);
  details.model = options.model;
  details.model.other_tokens = options.other_tokens.value_or(usual.system + usual.text);
  details.counts = layer_counts(schedule, details.spatial_tokens);
  details.flops_left = flops_left(details.counts, details.spatial_tokens, details.model);
}

int list_presets(const CalibrateOptions& options) {
  fmt::print("{:<14} {:>11}  {}\n", "name", "FLOPs left", "where it comes from");
  for (const auto& preset : spatial3d::schedule_presets()) {
    std::string left = "too shallow";
    try {
      ScheduleDetails details;
      complete(options, spatial3d::preset_schedule(preset.name, options.layers),
               spatial3d::published_layout, details);
      left = fmt::format("{:.1f} %", 100 * details.flops_left);
    } catch (const Error&) {
      // The preset's stages need more layers than the model has.
    }
    fmt::print("{:<14} {:>11}  {}\n", preset.name, left, preset.description);
  }
  return exit_ok;
}

int run_preset(const CalibrateOptions& options) {
  require_writable(options, {});
  const GateSchedule schedule = spatial3d::preset_schedule(options.preset, options.layers);
  ScheduleDetails details;
  complete(options, schedule, spatial3d::published_layout, details);
  print_schedule(schedule, details);
  write_schedule(options.output, schedule, details);
  return exit_ok;
}

/// What can be known to be wrong before anything is measured.
void check_plan_options(const CalibrateOptions& options) {
  constexpr std::int64_t deep = 10000;
  if (!options.preset.empty()) (void)spatial3d::preset_schedule(options.preset, deep);
  GateSchedule schedule{.name = {}, .description = {}, .layers = deep, .plan = {}};
  schedule.plan = spatial3d::decay_plan(0, deep, options.stages);
  validate(schedule, "--stages");
}

ScheduleDetails details_of(const Measurement& measurement) {
  ScheduleDetails details;
  details.samples = measurement.average.samples();
  details.layout = measurement.mean_layout();
  details.flow = measurement.average.mean();
  details.contribution = spatial3d::contribution(details.flow);
  details.fit = spatial3d::fit_schedule(details.contribution.normalised);
  return details;
}

/// How the command ends once the schedule is written.
int outcome(const Measurement& measurement, std::size_t files) {
  if (measurement.stopped) {
    fmt::print(stderr, "sluice: stopped after {} of {} files\n", measurement.average.samples(),
               files);
    return exit_interrupted;
  }
  if (measurement.unusable == 0) return exit_ok;
  fmt::print(stderr, "sluice: {} of {} files left out\n", measurement.unusable, files);
  return exit_bad_input;
}

int run_calibration(const CalibrateOptions& options, int threads) {
  check_plan_options(options);
  std::vector<path> files;
  for (const path& input : options.inputs)
    for (path& file : samples_of(input)) files.push_back(std::move(file));
  require_writable(options, files);
  const Measurement measurement = measure(options, files, threads);
  const std::int64_t layers = measurement.average.layers();
  if (layers == 0) {
    if (measurement.stopped) return outcome(measurement, files.size());
    throw input_error("calibration", concat("none of ", files.size(), " files can be used"),
                      "attention maps");
  }
  ScheduleDetails details = details_of(measurement);
  if (options.preset.empty() && !details.fit)
    throw input_error("calibration", "every layer contributes the same: no curve to fit",
                      "--preset with a schedule of your choice");
  const GateSchedule schedule = options.preset.empty()
                                    ? calibrated(options, layers, *details.fit)
                                    : spatial3d::preset_schedule(options.preset, layers);
  complete(options, schedule, details.layout, details);
  print_schedule(schedule, details);
  write_schedule(options.output, schedule, details);
  return outcome(measurement, files.size());
}

int run(const CalibrateOptions& options, int threads) {
  if (options.list_presets) return list_presets(options);
  if (!options.inputs.empty()) return run_calibration(options, threads);
  if (!options.preset.empty()) return run_preset(options);
  throw input_error("calibrate", "nothing to do", "attention maps, --preset, or --list-presets");
}

void add_model_options(CLI::App& command, CalibrateOptions& options) {
  const auto tokens = CLI::Range(std::int64_t{0}, std::int64_t{1} << 24);
  command.add_option("--layers", options.layers, "Layers of the model, for a preset without maps")
      ->check(CLI::Range(2, 10000))
      ->capture_default_str();
  command
      .add_option("--spatial-tokens", options.spatial_tokens,
                  "Count for which tokens and cost are shown [the maps' mean; a preset's 1659]")
      ->check(tokens);
  command
      .add_option("--other-tokens", options.other_tokens,
                  "System and text tokens, for the cost [the maps' mean; a preset's 61]")
      ->check(tokens);
  command
      .add_option("--hidden-size", options.model.hidden_size, "Width of the model, for the cost")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  command
      .add_option("--intermediate-size", options.model.intermediate_size,
                  "Width of its feed-forward network, for the cost")
      ->check(CLI::Range(0, 1 << 22))
      ->capture_default_str();
}

}  // namespace

void add_calibrate(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<CalibrateOptions>();
  auto* command = app.add_subcommand(
      "calibrate", "Attention maps of a model become the schedule of its spatial gate");
  command->add_option("INPUT", options->inputs,
                      "Safetensors files with attention [L,n,n] or [L,heads,n,n], or folders");
  command->add_option("-o,--output", options->output,
                      "The schedule (JSON); the plot goes beside it, with the ending .html");
  command->add_option("--layout", options->layout,
                      "System,spatial,text tokens of every map [the files' own]");
  command->add_option("--pool", options->flow.pool, "Tokens per side of an attention block")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--borders", options->borders, "Blocks end where segments end, or as published")
      ->check(CLI::IsMember({"segments", "parity"}))
      ->capture_default_str();
  auto* stages = command
                     ->add_option("--stages", options->stages,
                                  "Layers in front of which the gate works [every layer]")
                     ->delimiter(',');
  command->add_option("--preset", options->preset, "A published schedule instead of a fitted one")
      ->excludes(stages);
  command->add_flag("--list-presets", options->list_presets, "Shows them all");
  add_model_options(*command, *options);
  command->footer(
      "Files that can't be used are named and left out; the exit code is then 2.\n\n"
      "Example:\n  sluice calibrate maps/ -o schedule.json --layout 37,1659,24");
  command->callback([options, &globals, &action] {
    action = [options, &globals] { return run(*options, globals.threads); };
  });
}

}  // namespace sluice::apps

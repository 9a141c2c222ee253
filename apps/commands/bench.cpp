// sluice bench: how long things take on this machine.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/selection_inputs.h"
#include "apps/bench/tick_bench.h"
#include "apps/bench/tick_floor.h"
#include "apps/bench/tick_report.h"
#include "apps/bench/tick_scene.h"
#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/option_checks.h"
#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::apps {
namespace {

using kernels::DType;

struct BenchArguments {
  std::string what;
  std::vector<std::int64_t> cameras{1, 2, 3};
  std::vector<std::string> dtypes{"f32", "bf16"};
  std::vector<double> rates;
  std::int64_t tokens = 256, width = 2048;
  std::string selector = TickBenchOptions().selector;
  double keep = 0.25;
  std::int64_t ticks = 2000;
  double seconds = 10;
  double deadline_ms = 0;
  bool semantic = false, link = false, load = false;
  std::filesystem::path json, exported;
};

/// Frames enough that no cache holds them all.
constexpr std::int64_t scene_bytes = std::int64_t{64} << 20;
constexpr std::int64_t most_bytes = std::int64_t{1} << 30;
constexpr std::int64_t fewest_frames = 8;
/// Of the selection alone, which is what the published code is compared with.
constexpr std::int64_t selection_ticks = 500;

std::int64_t kept_of(const BenchArguments& arguments) {
  return kernels::round_half_even(arguments.keep * static_cast<double>(arguments.tokens));
}

std::unique_ptr<TickScene> make_scene(const TickShape& shape) {
  const std::int64_t bytes = shape.cameras * shape.tokens * shape.width *
                             static_cast<std::int64_t>(item_size(shape.dtype));
  if (bytes * fewest_frames > most_bytes)
    throw input_error("--tokens, --width", concat(bytes, " bytes of features a tick"),
                      concat("at most ", most_bytes / fewest_frames));
  kernels::Resources all_cores;
  return std::make_unique<TickScene>(all_cores, shape,
                                     std::max(fewest_frames, (scene_bytes + bytes - 1) / bytes));
}

/// A setting: its scene, and what all its runs have in common.
class Setting {
 public:
  Setting(const BenchArguments& arguments, const TickShape& shape, int threads, double peak)
      : scene_(make_scene(shape)), inputs_(selection_inputs(*scene_)) {
    const Selections alone = run_selections(*scene_, inputs_, kept_of(arguments), selection_ticks);
    if (!arguments.exported.empty()) write_selection(arguments.exported, *scene_, inputs_, alone);
    common_.options = {.shape = shape,
                       .selector = arguments.selector,
                       .keep = arguments.keep,
                       .ticks = arguments.ticks,
                       .deadline_ms = arguments.deadline_ms,
                       .link = arguments.link,
                       .load = arguments.load,
                       .threads = threads};
    common_.selection = alone.ms;
    common_.floor = {.pass_ms = features_pass_ms(*scene_), .peak = peak};
  }

  [[nodiscard]] TickReport run(double rate_hz, double seconds) const {
    TickReport report = common_;
    report.options.rate_hz = rate_hz;
    if (rate_hz > 0)
      report.options.ticks = std::max<std::int64_t>(1, kernels::round_half_even(rate_hz * seconds));
    report.figures = run_tick_bench(*scene_, report.options);
    // As many candidates as there are for the places that the filter had.
    const auto places = kernels::round_half_even(report.figures.by_diversity);
    const Selections in_engine = run_selections(*scene_, inputs_, places, 0);
    report.candidates = in_engine.candidates;
    report.floor.products_ms = in_engine.multiply_adds / (1e6 * report.floor.peak);
    return report;
  }

 private:
  std::unique_ptr<TickScene> scene_;
  SelectionInputs inputs_;
  TickReport common_;
};

void check(const BenchArguments& arguments) {
  if (kept_of(arguments) < 1) throw input_error("--keep", "keeps no token", "a larger share");
  if (!arguments.exported.empty() && arguments.cameras.size() * arguments.dtypes.size() != 1)
    throw input_error("--export", "takes one setting", "one number of cameras and one type");
}

int run_tick(const BenchArguments& arguments, int threads) {
  check(arguments);
  std::vector<TickReport> reports;
  const double peak = peak_multiply_adds();
  std::vector<double> rates = arguments.rates;
  if (rates.empty()) rates.push_back(0);
  print_tick_header();
  for (const std::string& dtype : arguments.dtypes)
    for (const std::int64_t cameras : arguments.cameras) {
      if (stop_requested()) break;
      const TickShape shape{.cameras = cameras,
                            .tokens = arguments.tokens,
                            .width = arguments.width,
                            .dtype = dtype == "bf16" ? DType::bf16 : DType::f32,
                            .semantic = arguments.semantic};
      const Setting setting(arguments, shape, threads, peak);
      for (const double rate : rates) {
        const TickReport report = setting.run(rate, arguments.seconds);
        if (report.figures.ticks == 0) break;
        print_tick_row(report);
        reports.push_back(report);
      }
    }
  if (!arguments.json.empty()) write_tick_reports(arguments.json, reports);
  return stop_requested() ? exit_interrupted : exit_ok;
}

void add_setting_options(CLI::App& command, BenchArguments& options) {
  command.add_option("--cameras", options.cameras, "Cameras, separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  command.add_option("--tokens", options.tokens, "Tokens of each camera")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command.add_option("--width", options.width, "Width of their features")
      ->check(CLI::Range(1, 16384))
      ->capture_default_str();
  command.add_option("--dtype", options.dtypes, "Types of the features, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  const auto selectors = policy::selector_names();
  command.add_option("--selector", options.selector, "How tokens are chosen")
      ->check(CLI::IsMember(std::vector<std::string>(selectors.begin(), selectors.end())))
      ->capture_default_str();
  command.add_flag("--semantic", options.semantic,
                   "Semantic scores come with the tokens, as from the model's own prefill");
  command.add_option("--keep", options.keep, "Share of the tokens that may leave")
      ->check(above_zero)
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

void add_pace_options(CLI::App& command, BenchArguments& options) {
  command.add_option("--ticks", options.ticks, "Ticks, where they go back to back")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command
      .add_option("--rate", options.rates, "Ticks per second, separated by commas [back to back]")
      ->delimiter(',')
      ->check(above_zero)
      ->check(CLI::Range(0.0, 10'000.0));
  command.add_option("--seconds", options.seconds, "Length of a run at a rate")
      ->check(above_zero)
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  command
      .add_option("--deadline", options.deadline_ms,
                  "Milliseconds after which a packet counts as missed [the tick's period]")
      ->check(above_zero);
  command.add_flag("--link", options.link, "Also publish, to a model on another thread");
  command.add_flag("--load", options.load, "Meanwhile another core copies memory");
}

}  // namespace

void add_bench(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<BenchArguments>();
  auto* command = app.add_subcommand("bench", "Measure how long a control tick takes here");
  command->add_option("WHAT", options->what, "What to measure")
      ->required()
      ->check(CLI::IsMember({"tick"}));
  add_setting_options(*command, *options);
  add_pace_options(*command, *options);
  command->add_option("--json", options->json, "File for all figures");
  command->add_option("--export", options->exported,
                      "File for the selection's inputs and result, for other programs");
  command->footer(
      "A tick: feedback in, tokens chosen, packet encoded; on one thread unless --threads is "
      "given. "
      "Features are synthetic and differ from tick to tick. Floor: one pass over them, and the "
      "candidates' products with each other at this core's peak. Nothing else should run "
      "meanwhile.\n\n"
      "Example:\n  sluice bench tick --cameras 3 --rate 10,30,50,100 --link");
  command->callback([options, &globals, &action] {
    action = [options, &globals] { return run_tick(*options, std::max(globals.threads, 1)); };
  });
}

}  // namespace sluice::apps

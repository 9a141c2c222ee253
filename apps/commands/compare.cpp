// sluice compare: one recording under several settings, side by side.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/open_input.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "apps/recording_pictures.h"
#include "apps/recording_run.h"
#include "apps/reduction_options.h"
#include "apps/report/comparison.h"
#include "apps/report/summary.h"

namespace sluice::apps {
namespace {

struct CompareOptions {
  InputOptions input;
  std::vector<double> retain{0.05, 0.10, 0.25};
  std::vector<double> tau;
  bool causal = false;
  std::filesystem::path output;
};

struct Setting {
  std::string label;
  ReductionOptions reduction;
};

std::vector<Setting> settings_of(const CompareOptions& options) {
  std::vector<Setting> settings;
  std::vector<std::optional<double>> taus(options.tau.begin(), options.tau.end());
  if (taus.empty()) taus.emplace_back();  // the input's own default
  for (const auto tau : taus)
    for (const double retain : options.retain) {
      Setting setting;
      setting.label = fmt::format("retain {}", retain);
      setting.reduction.holitom.retain = retain;
      setting.reduction.causal = options.causal;
      setting.reduction.tau = tau;
      if (tau) setting.label += fmt::format(", tau {}", *tau);
      (void)setting.reduction.resolve(0.8);  // complain before any work is done
      settings.push_back(std::move(setting));
    }
  return settings;
}

int run(const CompareOptions& options, int threads) {
  const auto settings = settings_of(options);
  require_recording(options.input.input);
  std::vector<stream::Trace> traces;
  traces.reserve(settings.size());
  for (const auto& setting : settings) {
    const OpenInput input = open_input(options.input, stop_requested(), threads);
    make_output_folder(options.output);  // not before the input is known to be readable
    Progress progress(setting.label, input.source->frame_count());
    auto run = run_recording(
        *input.source, options.input.input, input.settings,
        setting.reduction.resolve(input.default_tau), threads, stop_requested(),
        [&progress](const stream::FeatureFrame& frame) { progress.update(frame.index + 1); });
    if (run.error) std::rethrow_exception(run.error);
    if (run.stopped) break;  // what is complete is still worth comparing
    traces.push_back(std::move(run.trace));
    report::write_summary(traces.back(),
                          options.output / fmt::format("summary-{}.json", traces.size()));
  }
  std::vector<report::CompareEntry> entries;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    entries.push_back({settings[i].label, &traces[i]});
    const auto& totals = traces[i].totals;
    fmt::print("{:<24} {:>9} kept of {} ({} after merging), {} segments\n", settings[i].label,
               totals.kept, totals.seen, totals.available,
               traces[i].sources.front().segments.size());
  }
  if (entries.empty()) return exit_interrupted;
  report::Thumbnails moments;
  if (kind_of(options.input.input) == InputKind::video && !stop_requested())
    moments =
        read_thumbnails(options.input, report::comparison_frames(traces.front().sources.front()));
  report::write_comparison(entries, moments, options.output / "compare.html");
  fmt::print("Wrote {}\n", (options.output / "compare.html").string());
  return stop_requested() ? exit_interrupted : exit_ok;
}

}  // namespace

void add_compare(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<CompareOptions>();
  auto* command = app.add_subcommand("compare", "One recording under several settings");
  add_input_options(*command, options->input, InputScope::video);
  command->add_option("-o,--output", options->output, "Folder to write to")->required();
  command->add_option("--retain", options->retain, "Shares to keep, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--tau", options->tau, "Thresholds, separated by commas [the input's default]")
      ->delimiter(',');
  command->add_flag("--causal", options->causal, "Decide as on a live stream");
  command->footer(
      "Writes compare.html and a summary-N.json for each setting.\n\n"
      "Example:\n  sluice compare clip.mp4 -o out --fps 2 --retain .05,.1,.25 --tau .7,.8");
  command->callback([options, &globals, &action] {
    action = [options, &globals] { return run(*options, globals.threads); };
  });
}

}  // namespace sluice::apps

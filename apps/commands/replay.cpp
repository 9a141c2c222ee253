// sluice replay: the engine over a recording, with files that show what it did.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/loop/tick_log.h"
#include "apps/loop_replay.h"
#include "apps/open_input.h"
#include "apps/option_checks.h"
#include "apps/option_refusal.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "apps/recording_pictures.h"
#include "apps/recording_run.h"
#include "apps/reduction_options.h"
#include "apps/report/report.h"
#include "apps/report/summary.h"
#include "apps/spatial_options.h"
#include "apps/spatial_replay.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

struct ReplayOptions {
  InputOptions input;
  ReductionOptions reduction;
  SpatialOptions spatial;
  std::filesystem::path output;
  bool no_overlay = false;
  bool no_report = false;
  bool as_loop = false;
  std::optional<std::filesystem::path> config;
  std::optional<double> rate_hz;
  bool no_packets = false;
};

RecordingRun run_engine(const ReplayOptions& options, int threads, ThumbnailStore& thumbnails) {
  require_recording(options.input.input);
  const OpenInput input = open_input(options.input, stop_requested(), threads);
  const auto engine = options.reduction.resolve(input.default_tau);
  for (const char* name : {"tokens.safetensors", "overlay.mp4"})
    refuse_to_overwrite(options.input.input, options.output / name);
  make_output_folder(options.output);  // not before all else is known to make sense
  Progress progress("Reading frames", input.source->frame_count());
  const auto* video = dynamic_cast<const stream::PictureFrameSource*>(input.source.get());
  const bool wants_thumbnails = video != nullptr && options.no_overlay && !options.no_report;
  return run_recording(*input.source, options.input.input, input.settings, engine, threads,
                       stop_requested(), [&](const stream::FeatureFrame& frame) {
                         progress.update(frame.index + 1);
                         if (wants_thumbnails)
                           thumbnails.offer(frame.index, video->picture(), input.source->source());
                       });
}

int run(const ReplayOptions& options, int threads) {
  ThumbnailStore thumbnails;
  RecordingRun recording = run_engine(options, threads, thumbnails);
  stream::write_token_file(options.output / "tokens.safetensors", recording.tokens);
  recording.tokens.features = {};
  report::write_summary(recording.trace, options.output / "summary.json");

  // A stopped run is finished quickly: its numbers are written, its pictures are not.
  const bool has_pictures = kind_of(options.input.input) == InputKind::video && !stop_requested();
  report::Thumbnails shown = thumbnails.take();
  if (has_pictures && !options.no_overlay)
    shown = write_overlay_video(options.input, recording.trace, options.output / "overlay.mp4");
  else
    std::filesystem::remove(options.output / "overlay.mp4");  // of an earlier run: it would mislead
  if (options.no_report)
    std::filesystem::remove(options.output / "report.html");
  else
    report::write_report(recording.trace, std::span(&shown, 1), options.output / "report.html");

  const auto& totals = recording.trace.totals;
  fmt::print(
      "{} frames, {} tokens -> {} after merging -> {} kept ({:.2f} %) in {} segments\n"
      "Wrote {}\n",
      totals.frames, totals.seen, totals.available, totals.kept,
      100.0 * static_cast<double>(totals.kept) / static_cast<double>(totals.seen),
      recording.trace.sources.front().segments.size(), options.output.string());
  if (totals.skipped_input > 0)
    fmt::print(stderr, "sluice: {} damaged pieces of the input were skipped\n",
               totals.skipped_input);
  if (recording.error) std::rethrow_exception(recording.error);
  if (!stop_requested()) return exit_ok;
  fmt::print(stderr, "sluice: stopped early; what was written is valid but not all there is\n");
  return exit_interrupted;
}

/// Which options go with which kind of input, and whether the user gave them.
struct OptionKinds {
  CLI::App* command = nullptr;
  std::vector<CLI::Option*> video;    ///< not of 3-D recordings
  std::vector<CLI::Option*> spatial;  ///< of 3-D recordings only
  std::vector<CLI::Option*> loop;     ///< only with --as-loop
  /// With --as-loop: of recordings without a config; and never.
  std::vector<CLI::Option*> loop_input, not_loop;

  [[nodiscard]] bool given(const char* name) const { return command->count(name) > 0; }
};

/// Options of videos that mean something for 3-D recordings, too.
constexpr std::array<std::string_view, 9> shared_options{
    "INPUT",  "--output",     "--retain",    "--budget",    "--grid",
    "--size", "--image-rate", "--no-report", "--no-overlay"};

int run_spatial(const ReplayOptions& options, const OptionKinds& kinds, int threads) {
  refuse_given(kinds.video, options.input.input, "a video: this is a 3-D recording");
  SpatialReplayOptions replay;
  replay.input = options.input;
  if (kinds.given("--image-rate")) replay.frame_rate = options.input.image_rate;
  replay.spatial = options.spatial;
  if (kinds.given("--retain")) replay.spatial.retain = options.reduction.holitom.retain;
  replay.spatial.budget = options.reduction.holitom.budget;
  replay.output = options.output;
  replay.no_overlay = options.no_overlay;
  replay.no_report = options.no_report;
  return replay_spatial(replay, threads);
}

int run_loop(const ReplayOptions& options, const OptionKinds& kinds, int threads) {
  const std::string& input = options.input.input;
  refuse_given(kinds.not_loop, input, "a replay without --as-loop; a loop has its own in --config");
  refuse_given(kinds.spatial, input, "a replay without --as-loop; a loop has its own in --config");
  if (TickLogReader::is_log(input)) {
    refuse_given(kinds.loop_input, input, "a recording: a tick log says itself what it read");
    refuse_given(
        std::array{kinds.command->get_option("--config"), kinds.command->get_option("--rate")},
        input, "a recording: a tick log has its own");
  } else {
    require_recording(input);
  }
  if (options.config)
    refuse_given(kinds.loop_input, input, "a loop without --config, which says the same");
  LoopReplayOptions replay;
  replay.input = options.input;
  replay.config = options.config;
  replay.rate_hz = options.rate_hz;
  replay.retain = options.reduction.holitom.retain;
  replay.budget = options.reduction.holitom.budget;
  replay.output = options.output;
  replay.no_packets = options.no_packets;
  replay.no_report = options.no_report;
  return replay_loop(replay, threads);
}

int run_any(const ReplayOptions& options, const OptionKinds& kinds, int threads) {
  if (options.as_loop) return run_loop(options, kinds, threads);
  refuse_given(kinds.loop, options.input.input, "--as-loop with it");
  if (TickLogReader::is_log(options.input.input))
    throw input_error(options.input.input, "is the tick log of a loop", "--as-loop with it");
  if (kind_of(options.input.input) == InputKind::spatial)
    return run_spatial(options, kinds, threads);
  refuse_given(kinds.spatial, options.input.input, "a 3-D recording: RGB-D frames or clouds");
  return run(options, threads);
}

/// Returns those that mean something with --as-loop only.
std::vector<CLI::Option*> add_loop_options(CLI::App& command, ReplayOptions& options) {
  const char* group = "As a loop";
  command
      .add_flag("--as-loop", options.as_loop,
                "Run tick by tick what sluice loop logged, or what it would do with a recording")
      ->group(group);
  return {command
              .add_option("--config", options.config,
                          "Of a recording: config of the loop; INPUT takes the place of its first "
                          "input's")
              ->group(group)
              ->check(CLI::ExistingFile),
          command
              .add_option("--rate", options.rate_hz,
                          "Of a recording: ticks per second [10, or the config's]")
              ->group(group)
              ->check(CLI::Validator(above_zero, "")),
          command.add_flag("--no-packets", options.no_packets, "Don't write the packets")
              ->group(group)};
}

}  // namespace

void add_replay(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<ReplayOptions>();
  auto* command = app.add_subcommand("replay", "Reduce a recording and show what was kept");
  add_input_options(*command, options->input, InputScope::recording);
  command->add_option("-o,--output", options->output, "Folder to write to")->required();
  add_reduction_options(*command, options->reduction, ReductionScope::recording);
  command->add_flag("--no-overlay", options->no_overlay, "Don't write overlay.mp4")
      ->group("Output");
  command->add_flag("--no-report", options->no_report, "Don't write report.html")->group("Output");
  OptionKinds kinds;
  kinds.command = command;
  for (CLI::Option* option : command->get_options())
    if (std::find(shared_options.begin(), shared_options.end(), option->get_name()) ==
        shared_options.end())
      kinds.video.push_back(option);
  constexpr std::array<std::string_view, 7> of_loop_inputs{
      "--retain", "--budget", "--fps", "--frames", "--grid", "--size", "--image-rate"};
  for (CLI::Option* option : command->get_options()) {
    const std::string name = option->get_name();
    if (std::find(of_loop_inputs.begin(), of_loop_inputs.end(), name) != of_loop_inputs.end())
      kinds.loop_input.push_back(option);
    else if (name != "INPUT" && name != "--output" && name != "--no-report" && name != "--timeout")
      kinds.not_loop.push_back(option);
  }
  kinds.spatial = add_spatial_options(*command, options->spatial);
  kinds.loop = add_loop_options(*command, *options);
  command->footer(
      "Writes tokens.safetensors, summary.json, overlay.mp4 and report.html; of a 3-D recording "
      "tokens.ply, too. With --as-loop: packets/, summary.json and report.html.\n\n"
      "Example:\n  sluice replay clip.mp4 -o out --fps 2 --retain 0.1\n"
      "  sluice replay kitchen_rgbd -o out --preset table-top --retain 0.37\n"
      "  sluice replay ticklog --as-loop -o out");
  command->callback([options, kinds, &globals, &action] {
    action = [options, kinds, &globals] { return run_any(*options, kinds, globals.threads); };
  });
}

}  // namespace sluice::apps

// sluice video: a video of any length becomes at most so many tokens.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "apps/commands/command.h"
#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/open_input.h"
#include "apps/option_checks.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "apps/recording_pictures.h"
#include "apps/reduction_options.h"
#include "apps/report/memory_report.h"
#include "apps/report/memory_summary.h"
#include "apps/video_run.h"
#include "kernels/error.h"
#include "stream/io/picture_frame_source.h"

namespace sluice::apps {
namespace {

/// Of segments, in frames, unless the user says otherwise. Short ones make what is remembered
/// current, and the memory merges on from there; shorter ones would leave nothing to merge within.
constexpr std::int64_t least_latency = 8;
constexpr std::int64_t most_latency = 32;
/// Enough to find one for each chapter that a report shows.
constexpr std::size_t most_thumbnails = 256;

struct VideoOptions {
  InputOptions input;
  ReductionOptions reduction;
  temporal::TokenMemoryOptions memory;
  std::optional<double> snapshot_every_s;
  std::filesystem::path output;
  bool no_report = false;
  bool has_latency = false;  ///< the user said one

  VideoOptions() { reduction.holitom.retain = 1; }
};

/// So many frames that the newest segment fits into the recent part, whatever comes.
std::int64_t fitting_latency(const temporal::TokenMemoryOptions& memory, std::int64_t positions) {
  if (positions < 1) return most_latency;
  const double recent = memory.recent * static_cast<double>(memory.budget);
  return std::clamp(static_cast<std::int64_t>(recent) / positions, least_latency, most_latency);
}

VideoRunOptions run_options(const VideoOptions& options, const OpenInput& input, int threads) {
  VideoRunOptions run;
  run.input = options.input.input;
  run.input_settings = input.settings;
  run.output = options.output;
  run.reduction = options.reduction.resolve(input.default_tau);
  run.reduction.causal = true;
  if (!options.has_latency)
    run.reduction.latency = fitting_latency(options.memory, input.source->source().positions());
  run.memory = options.memory;
  run.snapshot_every_s = options.snapshot_every_s;
  run.threads = threads;
  return run;
}

VideoRun run_engine(const VideoOptions& options, int threads, ThumbnailStore& thumbnails) {
  const OpenInput input = open_input(options.input, stop_requested(), threads);
  const VideoRunOptions engine = run_options(options, input, threads);
  for (const char* name : {"tokens.safetensors", "summary.json", "report.html"})
    refuse_to_overwrite(options.input.input, options.output / name);
  make_output_folder(options.output);  // not before all else is known to make sense
  Progress progress("Remembering frames", input.source->frame_count());
  const auto* pictures = dynamic_cast<const stream::PictureFrameSource*>(input.source.get());
  const bool wants_thumbnails = pictures != nullptr && !options.no_report;
  return run_video(*input.source, engine, stop_requested(), [&](const stream::FeatureFrame& frame) {
    progress.update(frame.index + 1);
    if (wants_thumbnails)
      thumbnails.offer(frame.index, pictures->picture(), input.source->source());
  });
}

void print_outcome(const report::MemoryTrace& trace, const std::filesystem::path& output) {
  const auto& totals = trace.totals;
  fmt::print(
      "{} frames, {} tokens -> {} after merging -> {} held in {} chapters (budget {})\n"
      "Wrote {}\n",
      totals.frames, totals.seen, trace.arrived, trace.held, trace.chapters.size(), trace.budget,
      output.string());
  std::fflush(stdout);
  if (totals.non_finite > 0)
    fmt::print(stderr, "sluice: {} of {} input tokens hold NaN or infinity\n", totals.non_finite,
               totals.seen);
  if (trace.memory.oversized > 0)
    fmt::print(stderr,
               "sluice: {} of {} segments were too large to be held as they came: --tokens or "
               "--recent is small for {} tokens a frame\n",
               trace.memory.oversized, trace.memory.segments, trace.source.positions());
  if (totals.skipped_input > 0)
    fmt::print(stderr, "sluice: {} damaged pieces of the input were skipped\n",
               totals.skipped_input);
}

int run(const VideoOptions& options, int threads) {
  ThumbnailStore thumbnails(most_thumbnails);
  const VideoRun video = run_engine(options, threads, thumbnails);
  report::write_memory_summary(video.trace, options.output / "summary.json");
  if (options.no_report)
    std::filesystem::remove(options.output / "report.html");  // of an earlier run: it would mislead
  else
    report::write_memory_report(video.trace, thumbnails.take(), options.output / "report.html");
  print_outcome(video.trace, options.output);
  if (video.error) std::rethrow_exception(video.error);
  if (!video.stopped) return exit_ok;
  fmt::print(stderr, "sluice: stopped early; what was written is valid but not all there is\n");
  return exit_interrupted;
}

void add_memory_options(CLI::App& command, VideoOptions& options) {
  constexpr auto group = "What is remembered";
  constexpr std::int64_t most_tokens = 16'777'216;
  command
      .add_option("--tokens", options.memory.budget,
                  "Tokens held at most, however long the video: as it fills, older segments are "
                  "merged further")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, most_tokens))
      ->group(group);
  command
      .add_option("--recent", options.memory.recent,
                  "Share of them for the newest segments, which stay as they came")
      ->capture_default_str()
      ->check(not_a_number)
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  command
      .add_option("--snapshot-every", options.snapshot_every_s,
                  "Seconds of the video after which tokens-SECONDS.safetensors is written, again "
                  "and again")
      ->check(not_a_number)
      ->check(CLI::Range(0.001, 1e9))
      ->group(group);
}

}  // namespace

void add_video(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<VideoOptions>();
  auto* command =
      app.add_subcommand("video", "Turn a video of any length into a fixed number of tokens");
  add_input_options(*command, options->input, InputScope::live);
  command->add_option("-o,--output", options->output, "Folder to write to")->required();
  add_memory_options(*command, *options);
  add_reduction_options(*command, options->reduction, ReductionScope::stream);
  command->get_option("--retain")
      ->description(
          "Share of the tokens that come to the memory, (0, 1]; --tokens is the budget, so all do "
          "unless time matters more than detail");
  command->get_option("--latency")
      ->default_str("")
      ->description(
          "A segment ends at the latest when this many frames wait [what surely fits into the "
          "recent part; 8 to 32]");
  command->add_flag("--no-report", options->no_report, "Don't write report.html")->group("Output");
  command
      ->add_flag("--allow-remote", options->input.allow_remote,
                 "Listen on more than the loopback interface (no encryption)")
      ->group("Input");
  command->footer(
      "Writes tokens.safetensors, summary.json and report.html. Ctrl-C ends it with what was seen "
      "until then.\n\n"
      "Example:\n  sluice video lecture.mp4 --fps 1 --tokens 8192 -o out\n"
      "  sluice video tcp://127.0.0.1:5556 --tokens 4096 --snapshot-every 60 -o out");
  command->callback([options, command, &globals, &action] {
    options->has_latency = command->count("--latency") > 0;
    action = [options, &globals] { return run(*options, globals.threads); };
  });
}

}  // namespace sluice::apps

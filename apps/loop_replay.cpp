#include "apps/loop_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <string>
#include <utility>

#include "apps/commands/exit_code.h"
#include "apps/interrupt.h"
#include "apps/loop/input_tokens.h"
#include "apps/loop/loop_config.h"
#include "apps/loop/tick_log.h"
#include "apps/loop/tick_replay.h"
#include "apps/output_folder.h"
#include "apps/progress.h"
#include "apps/report/report_blocks.h"
#include "apps/report/tick_report.h"
#include "apps/report/tick_statistics.h"
#include "apps/report/tick_summary.h"
#include "apps/report/units.h"
#include "apps/terminal_notes.h"
#include "kernels/error.h"
#include "kernels/rounding.h"
#include "stream/atomic_file.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;
using report::count_text;
using report::plural;

/// "000042.safetensors": what an earlier run may have left, and nothing else.
bool is_packet_name(const std::string& name) {
  const std::string ending = ".safetensors";
  const std::size_t digits = name.find_first_not_of("0123456789");
  return digits != std::string::npos && digits >= 6 && name.substr(digits) == ending;
}

/// Packets of an earlier run would mislead where this one makes fewer, or none.
void remove_packets(const fs::path& folder, const std::string& input) {
  if (!fs::is_directory(folder)) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!is_packet_name(entry.path().filename().string())) continue;
    refuse_to_overwrite(input, entry.path());
    fs::remove(entry.path());
  }
  std::error_code not_empty;
  fs::remove(folder, not_empty);
}

/// Once everything is known to make sense.
void prepare_output(const LoopReplayOptions& options) {
  make_output_folder(options.output);
  remove_packets(options.output / "packets", options.input.input);
  if (!options.no_packets) make_output_folder(options.output / "packets");
  fs::remove(options.output / "report.html");
}

/// One camera, a fixed budget, everything else as it is.
LoopConfig default_config(const LoopReplayOptions& options) {
  LoopConfig config;
  config.inputs.resize(1);
  config.inputs.front().input = options.input;
  config.inputs.front().max_age_ms = std::numeric_limits<double>::infinity();
  if (options.budget) {
    config.engine.budget.tokens = *options.budget;
    return config;
  }
  const std::int64_t rows = open_loop_input(config.inputs.front(), stop_requested())->shape().rows;
  config.engine.budget.tokens = std::max<std::int64_t>(
      1, kernels::round_half_even(options.retain * static_cast<double>(rows)));
  return config;
}

LoopConfig config_of_recording(const LoopReplayOptions& options) {
  LoopConfig config = options.config ? read_loop_config(*options.config) : default_config(options);
  if (options.config) {
    if (config.inputs.empty())
      throw input_error(options.config->string(), "has no [[input]]", "one for the recording");
    config.inputs.front().input.input = options.input.input;
  }
  if (options.rate_hz) config.rate_hz = *options.rate_hz;
  return config;
}

TickReplay run_ticks(const LoopReplayOptions& options, int threads) {
  TickReplaySettings settings;
  settings.input = options.input.input;
  settings.threads = threads;
  std::optional<Progress> progress;
  std::int64_t done = 0;
  settings.on_tick = [&](const stream::Packet& packet, std::span<const std::byte> blob) {
    progress->update(++done);
    if (blob.empty() || options.no_packets) return;
    stream::AtomicFile file(options.output / "packets" /
                            fmt::format("{:06}.safetensors", packet.sequence));
    file.write(blob);
    file.commit(stream::AtomicFile::Flush::no);
  };
  if (TickLogReader::is_log(options.input.input)) {
    TickLogReader log(options.input.input);
    const LoopConfig config =
        parse_loop_config(log.config(), (fs::path(options.input.input) / "loop.toml").string(),
                          log.config_folder(), CurveKeyFiles::leave);
    prepare_output(options);
    progress.emplace("Running ticks", log.ticks());
    return replay_log(log, config, settings, stop_requested());
  }
  const LoopConfig config = config_of_recording(options);
  prepare_output(options);
  progress.emplace("Running ticks", config.ticks > 0 ? std::optional(config.ticks) : std::nullopt);
  return replay_recording(config, settings, stop_requested());
}

std::string feedback_text(const report::TickCounts& counts) {
  std::string text = fmt::format("{} of feedback", plural(counts.feedback, "message"));
  for (std::size_t i = 0; i < policy::feedback_fates; ++i)
    if (counts.by_fate[i] > 0)
      text += fmt::format(", {} {}", count_text(counts.by_fate[i]),
                          name_of(static_cast<policy::FeedbackFate>(i)));
  return text;
}

void print_summary(const TickReplay& replay, const fs::path& output) {
  const report::TickCounts counts = report::count(replay.trace);
  fmt::print(
      "{}, {} tokens offered -> {} kept ({}); budget exact in {} of {}\n",
      plural(counts.ticks, "tick"), count_text(counts.offered), count_text(counts.kept),
      report::percent_text(static_cast<double>(counts.kept), static_cast<double>(counts.offered)),
      count_text(counts.exact), plural(counts.ok + counts.empty, "packet"));
  if (replay.trace.is_log)
    fmt::print("{}; {} of {} ticks decided as logged\n", feedback_text(counts),
               count_text(replay.compared - replay.different), count_text(replay.compared));
  fmt::print("Wrote {}\n", output.string());
}

}  // namespace

int replay_loop(const LoopReplayOptions& options, int threads) {
  const TickReplay replay = run_ticks(options, threads);
  report::write_tick_summary(replay.trace, options.output / "summary.json");
  if (!options.no_report) report::write_tick_report(replay.trace, options.output / "report.html");
  print_summary(replay, options.output);
  print_notes(replay.trace.notes);
  if (replay.error) std::rethrow_exception(replay.error);
  if (replay.stopped) {
    fmt::print(stderr, "sluice: stopped early; what was written is valid but not all there is\n");
    return exit_interrupted;
  }
  if (replay.different == 0) return exit_ok;
  fmt::print(stderr,
             "sluice: {} of {} came out otherwise than logged, the first at {}. Has a recording "
             "changed, or is this another version?\n",
             count_text(replay.different), plural(replay.compared, "tick"), replay.difference);
  return exit_failure;
}

}  // namespace sluice::apps

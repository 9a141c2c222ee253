#include "apps/video_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "apps/memory_file.h"
#include "apps/output_folder.h"
#include "apps/reduction_options.h"
#include "apps/stage_timer.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

std::int64_t weight_of(const stream::TokenBatch& tokens) {
  return std::accumulate(tokens.weight.begin(), tokens.weight.end(), std::int64_t{0});
}

/// Reducer and memory, one behind the other, and the account of what they did.
class Recorder {
 public:
  Recorder(const stream::FrameSource& source, const VideoRunOptions& options)
      : options_(options),
        resources_(options.threads),
        reducer_(resources_, source.source(), options.reduction),
        memory_(resources_, options.memory) {
    trace_.input = options.input;
    trace_.source = source.source();
    trace_.budget = options.memory.budget;
    trace_.recent = options.memory.recent;
    trace_.settings = options.input_settings;
    trace_.settings.merge(describe(options.reduction));
    trace_.settings["tokens"] = fmt::format("{}", options.memory.budget);
    trace_.settings["recent"] = fmt::format("{}", options.memory.recent);
    segment_.tokens.source = source.source();
  }

  void push(stream::FeatureFrame& frame) {
    const StageTimer timer(trace_.stage_ms, "2 redundancy and segmentation");
    if (!empty_features_.defined())
      empty_features_.reshape(frame.features.dtype(), {0, frame.features.size(1)});
    reducer_.push(frame);
  }
  void finish() { reducer_.finish(); }

  /// Takes in every segment that is certain. Once one was refused, none can follow it.
  void remember() {
    while (!refused_ && reduce()) {
      const StageTimer timer(trace_.stage_ms, "4 remember");
      refused_ = true;
      memory_.add(segment_.tokens, segment_.segment.first, segment_.pts);
      refused_ = false;
      take_account();
    }
  }

  void write(const std::filesystem::path& path, bool complete) {
    const StageTimer timer(trace_.stage_ms, "5 write tokens");
    refuse_to_overwrite(options_.input, path);
    write_memory_file(path, held(), memory_.chapters(), metadata(complete));
  }

  [[nodiscard]] std::int64_t frames_read() const { return reducer_.frames(); }
  [[nodiscard]] bool is_empty() const { return trace_.memory.segments == 0; }
  [[nodiscard]] report::MemoryTrace& trace() { return trace_; }

  [[nodiscard]] report::MemoryTrace take_trace() {
    const stream::TokenBatch& tokens = held();
    trace_.source = tokens.source;
    trace_.held = tokens.size();
    trace_.held_weight = weight_of(tokens);
    const auto chapters = memory_.chapters();
    trace_.chapters.assign(chapters.begin(), chapters.end());
    return std::move(trace_);
  }

 private:
  bool reduce() {
    const StageTimer timer(trace_.stage_ms, "3 merge and select");
    return reducer_.next(segment_);
  }

  void take_account() {
    trace_.memory = memory_.counts();
    trace_.totals = segment_.totals;
    trace_.arrived += segment_.tokens.size();
    trace_.arrived_weight += weight_of(segment_.tokens);
    const auto chapters = memory_.chapters();
    std::int64_t tokens = 0;
    for (const temporal::MemoryChapter& chapter : chapters) tokens += chapter.tokens;
    trace_.most_held = std::max(trace_.most_held, tokens);
    trace_.history.add({trace_.totals.frames, segment_.pts.back(), tokens, trace_.arrived,
                        static_cast<std::int64_t>(chapters.size())});
  }

  /// What is remembered; a batch of no tokens has a width and a type, too.
  [[nodiscard]] const stream::TokenBatch& held() {
    const stream::TokenBatch& tokens = memory_.tokens();
    if (tokens.features.defined()) return tokens;
    nothing_.source = segment_.tokens.source;
    nothing_.features = empty_features_.clone();
    return nothing_;
  }

  [[nodiscard]] stream::Metadata metadata(bool complete) {
    stream::Metadata metadata = trace_.settings;
    metadata["settings_hash"] = settings_hash(trace_.settings);
    metadata["complete"] = complete ? "true" : "false";
    const auto& totals = trace_.totals;
    for (const auto& [key, value] :
         {std::pair{"budget", options_.memory.budget}, std::pair{"frames_read", frames_read()},
          std::pair{"frames", totals.frames}, std::pair{"seen", totals.seen},
          std::pair{"available", totals.available}, std::pair{"arrived", trace_.arrived},
          std::pair{"arrived_weight", trace_.arrived_weight},
          std::pair{"kept", memory_.tokens().size()}, std::pair{"forced_cuts", totals.forced_cuts},
          std::pair{"non_finite", totals.non_finite}})
      metadata[key] = fmt::format("{}", value);
    return metadata;
  }

  const VideoRunOptions& options_;
  kernels::Resources resources_;
  temporal::VideoReducer reducer_;
  temporal::TokenMemory memory_;
  temporal::ReducedSegment segment_;
  stream::TokenBatch nothing_;
  kernels::Tensor empty_features_;  // [0,D]
  report::MemoryTrace trace_;
  bool refused_ = false;  // a segment, by the memory
};

/// Writes what is remembered whenever the video's time reaches a multiple of a period.
class Snapshots {
 public:
  Snapshots(Recorder& recorder, const VideoRunOptions& options)
      : recorder_(recorder), options_(options) {}

  /// To be called with each frame's time before the frame is pushed.
  void before_frame(double pts) {
    if (!options_.snapshot_every_s) return;
    const double period = *options_.snapshot_every_s;
    const double reached = std::floor(pts / period + rounding_slack);
    if (!(reached > written_)) return;
    written_ = reached;
    if (recorder_.is_empty()) return;
    const std::string name = "tokens-" + seconds_in_name(reached * period) + ".safetensors";
    try {
      recorder_.write(options_.output / name, false);
      recorder_.trace().snapshots.push_back(name);
    } catch (const Error& error) {  // the video goes on, and a later one may succeed
      ++failed_;
      if (!error_) {
        error_ = std::current_exception();
        recorder_.trace().notes.emplace_back(error.what());
      }
    }
  }

  /// The first failure, if any.
  [[nodiscard]] std::exception_ptr finish() {
    if (failed_ > 1)
      recorder_.trace().notes.push_back(fmt::format("{} snapshots could not be written.", failed_));
    return error_;
  }

 private:
  /// A frame at 0.3 s has reached three times 0.1 s, whatever its binary digits say.
  static constexpr double rounding_slack = 1e-9;

  Recorder& recorder_;
  const VideoRunOptions& options_;
  double written_ = 0;
  std::int64_t failed_ = 0;
  std::exception_ptr error_;
};

/// Pushes every frame; returns once the source has ended or `stop` was set.
void read_all(stream::FrameSource& source, Recorder& recorder, Snapshots& snapshots,
              const std::atomic<bool>& stop, const OnVideoFrame& on_frame) {
  stream::FeatureFrame frame;
  for (;;) {
    {
      const StageTimer timer(recorder.trace().stage_ms, "1 read, decode, tokenize");
      if (stop || !source.next(frame)) return;
    }
    if (on_frame) on_frame(frame);
    snapshots.before_frame(frame.pts);
    recorder.push(frame);
    recorder.remember();
  }
}

void note_input(report::MemoryTrace& trace, const stream::InputStatistics& statistics,
                bool stopped) {
  trace.totals.skipped_input = statistics.skipped_packets;
  trace.notes.insert(trace.notes.end(), statistics.notes.begin(), statistics.notes.end());
  if (statistics.size_changes > 0)
    trace.notes.push_back(fmt::format("The resolution changed {} times; frames were rescaled.",
                                      statistics.size_changes));
  if (stopped) trace.notes.emplace_back("Stopped by the user before the end of the video.");
}

}  // namespace

std::string seconds_in_name(double seconds) {
  std::string text = fmt::format("{:.3f}", seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

VideoRun run_video(stream::FrameSource& source, const VideoRunOptions& options,
                   const std::atomic<bool>& stop, const OnVideoFrame& on_frame) {
  Recorder recorder(source, options);
  Snapshots snapshots(recorder, options);
  VideoRun run;
  const auto keep_error = [&](auto&& work) {
    try {
      work();
    } catch (const Error& error) {
      if (recorder.frames_read() == 0) throw;
      run.error = std::current_exception();  // what came before it is worth keeping
      recorder.trace().notes.emplace_back(error.what());
    }
  };
  keep_error([&] { read_all(source, recorder, snapshots, stop, on_frame); });
  run.stopped = stop;
  if (recorder.frames_read() == 0)
    throw input_error(options.input,
                      run.stopped ? "was stopped before its first frame" : "has no frames",
                      "at least one frame");
  recorder.finish();
  keep_error([&] { recorder.remember(); });
  if (const std::exception_ptr failed = snapshots.finish(); failed && !run.error)
    run.error = failed;
  note_input(recorder.trace(), source.statistics(), run.stopped);
  const bool complete = !run.stopped && !run.error;
  recorder.trace().complete = complete;
  recorder.write(options.output / "tokens.safetensors", complete);
  run.trace = recorder.take_trace();
  return run;
}

}  // namespace sluice::apps

#include "apps/recording_run.h"

#include <fmt/format.h>

#include <cstring>

#include "apps/reduction_options.h"
#include "apps/stage_timer.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

/// Collects segments as they leave the engine.
class Collector {
 public:
  Collector(RecordingRun& run, const stream::Source& source) : run_(run) {
    run.trace.sources.resize(1);
    trace().source = source;
    run.tokens.source = source;
  }

  void add(const temporal::ReducedSegment& segment) {
    const auto first_row = static_cast<std::int32_t>(run_.tokens.frame.size());
    const stream::TokenBatch& batch = segment.tokens;
    append(run_.tokens.frame, batch.frame);
    append(run_.tokens.frame_last, batch.frame_last);
    append(run_.tokens.position, batch.position);
    append(run_.tokens.weight, batch.weight);
    append(run_.tokens.kind, batch.kind);
    append(run_.tokens.pts, batch.pts);
    run_.tokens.segments.push_back(static_cast<std::int32_t>(segment.segment.first));
    run_.tokens.segments.push_back(static_cast<std::int32_t>(segment.segment.last));
    for (const auto row : segment.assignment)
      run_.tokens.assignment.push_back(row < 0 ? row : row + first_row);
    features_.push_back(batch.features.clone());
    trace().source = batch.source;

    // The trace speaks of pairs (f, f+1), the segment of frames and the one before.
    const auto positions = segment.assignment.size() / segment.pts.size();
    const std::size_t skip = segment.segment.first == 0 ? positions : 0;
    append(trace().similarity, segment.similarity, skip);
    append(trace().redundant, segment.redundant, skip);
    append(trace().pts, segment.pts);
    trace().segments.push_back({static_cast<std::int32_t>(segment.segment.first),
                                static_cast<std::int32_t>(segment.segment.last),
                                segment.static_positions, segment.static_kept,
                                segment.dynamic_available, segment.dynamic_kept,
                                segment.segment.forced});
    run_.trace.totals = segment.totals;
    run_.tokens.frames = segment.segment.last + 1;
    run_.tokens.positions = static_cast<std::int64_t>(positions);
  }

  void finish() {
    join_features();
    run_.tokens.source = trace().source;
    trace().assignment = run_.tokens.assignment;
    trace().row_frame = run_.tokens.frame;
    trace().row_frame_last = run_.tokens.frame_last;
    trace().row_position = run_.tokens.position;
    trace().row_weight = run_.tokens.weight;
    trace().row_kind = run_.tokens.kind;
  }

 private:
  template <typename T>
  static void append(std::vector<T>& to, const std::vector<T>& from, std::size_t skip = 0) {
    to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(skip), from.end());
  }

  stream::SourceTrace& trace() { return run_.trace.sources.front(); }

  void join_features() {
    const auto rows = static_cast<std::int64_t>(run_.tokens.frame.size());
    kernels::Tensor& joined = run_.tokens.features;
    joined.reshape(features_.front().dtype(), {rows, features_.front().size(1)});
    auto* target = static_cast<std::byte*>(joined.data());
    for (auto& part : features_) {
      if (part.byte_size() > 0) std::memcpy(target, part.data(), part.byte_size());
      target += part.byte_size();
      part = {};
    }
  }

  RecordingRun& run_;
  std::vector<kernels::Tensor> features_;
};

void describe_run(RecordingRun& run, const temporal::VideoReducerOptions& options,
                  const stream::InputStatistics& statistics) {
  stream::Trace& trace = run.trace;
  trace.settings.merge(describe(options));
  trace.tau = options.reduction.tau;
  trace.causal = options.causal;
  trace.retain = options.reduction.budget
                     ? std::min(1.0, static_cast<double>(*options.reduction.budget) /
                                         static_cast<double>(trace.totals.seen))
                     : options.reduction.retain;
  trace.totals.skipped_input = statistics.skipped_packets;
  trace.notes.insert(trace.notes.end(), statistics.notes.begin(), statistics.notes.end());
  if (statistics.size_changes > 0)
    trace.notes.push_back(fmt::format("The resolution changed {} times; frames were rescaled.",
                                      statistics.size_changes));
  if (run.stopped) trace.notes.emplace_back("Stopped by the user before the end of the recording.");

  run.tokens.metadata = trace.settings;
  run.tokens.metadata["settings_hash"] = settings_hash(trace.settings);
  const auto& totals = trace.totals;
  for (const auto& [key, value] :
       {std::pair{"seen", totals.seen}, std::pair{"available", totals.available},
        std::pair{"kept", totals.kept}, std::pair{"unspent", totals.unspent},
        std::pair{"forced_cuts", totals.forced_cuts}, std::pair{"non_finite", totals.non_finite}})
    run.tokens.metadata[key] = fmt::format("{}", value);
}

}  // namespace

RecordingRun run_recording(stream::FrameSource& source, const std::string& input,
                           const std::map<std::string, std::string>& input_settings,
                           const temporal::VideoReducerOptions& options, int threads,
                           const std::atomic<bool>& stop, const OnFrame& on_frame) {
  kernels::Resources resources(threads);
  temporal::VideoReducer reducer(resources, source.source(), options);
  RecordingRun run;
  run.trace.input = input;
  run.trace.settings = input_settings;
  Collector collector(run, source.source());
  stream::FeatureFrame frame;
  temporal::ReducedSegment segment;
  const auto collect = [&] {
    const StageTimer timer(run.trace.stage_ms, "3 merge and select");
    while (reducer.next(segment)) collector.add(segment);
  };
  const auto read_all = [&] {
    for (;;) {
      {
        const StageTimer timer(run.trace.stage_ms, "1 read, decode, tokenize");
        if (stop || !source.next(frame)) return;
      }
      if (on_frame) on_frame(frame);
      {
        const StageTimer timer(run.trace.stage_ms, "2 redundancy and segmentation");
        reducer.push(frame);
      }
      if (options.causal) collect();
    }
  };
  try {
    read_all();
  } catch (const Error& error) {
    if (reducer.frames() == 0) throw;
    run.error = std::current_exception();  // what came before it is worth keeping
    run.trace.notes.emplace_back(error.what());
  }
  run.stopped = stop;
  if (reducer.frames() == 0)
    throw input_error(input, run.stopped ? "was stopped before its first frame" : "has no frames",
                      "at least one frame");
  reducer.finish();
  collect();
  collector.finish();
  describe_run(run, options, source.statistics());
  return run;
}

}  // namespace sluice::apps

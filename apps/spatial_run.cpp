#include "apps/spatial_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apps/reduction_options.h"
#include "apps/report/spatial_statistics.h"
#include "apps/stage_timer.h"
#include "apps/voxel_lives.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

using spatial3d::SpatialReducer;
using spatial3d::SpatialUpdate;
using stream::SpatialFrame;
using stream::SpatialTraceFrame;

SpatialTraceFrame trace_frame(const SpatialFrame& frame, const SpatialUpdate& update) {
  const auto size = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
  SpatialTraceFrame trace;
  trace.pts = frame.pts;
  trace.pose = frame.pose;
  trace.pose_estimated = frame.pose_estimated;
  trace.pose_assumed = frame.pose_assumed;
  trace.patches = update.patches;
  trace.placed = update.placed;
  trace.voxels = update.voxels;
  trace.budget = update.budget;
  trace.kept = size(update.decision.keep);
  trace.added = size(update.changes.added);
  trace.changed = size(update.changes.changed);
  trace.seen_through = size(update.changes.seen_through);
  trace.evicted = size(update.changes.evicted);
  trace.entered = update.decision.entered;
  trace.left = update.decision.left;
  trace.vanished = update.decision.vanished;
  trace.turnover = update.decision.turnover;
  return trace;
}

void describe_input(SpatialRun& run, const stream::SpatialSource& source) {
  const stream::InputStatistics statistics = source.statistics();
  run.trace.source = source.source();
  run.trace.skipped_input = statistics.skipped_packets;
  auto& notes = run.trace.notes;
  notes.insert(notes.end(), statistics.notes.begin(), statistics.notes.end());
  if (statistics.size_changes > 0)
    notes.push_back(fmt::format("The picture size changed {} times; intrinsics followed.",
                                statistics.size_changes));
  if (run.stopped) notes.emplace_back("Stopped by the user before the end of the recording.");
}

void put_totals(SpatialRun& run) {
  const report::SpatialCounts counts = report::count(run.trace);
  auto& metadata = run.tokens.metadata;
  metadata = run.trace.settings;
  metadata["settings_hash"] = settings_hash(run.trace.settings);
  for (const auto& [key, value] :
       {std::pair{"frames", counts.frames}, std::pair{"patches", counts.patches},
        std::pair{"placed", counts.placed}, std::pair{"voxels", counts.voxels},
        std::pair{"kept", counts.kept}, std::pair{"poses_given", counts.poses_given},
        std::pair{"poses_estimated", counts.poses_estimated},
        std::pair{"poses_assumed", counts.poses_assumed},
        std::pair{"poses_missing", counts.poses_missing},
        std::pair{"near_duplicates", counts.near_duplicates()},
        std::pair{"non_finite", run.trace.non_finite}})
    metadata[key] = fmt::format("{}", value);
}

/// Every frame has a patch per position of the grid, or frames differ in size.
void put_assignment(SpatialRun& run) {
  stream::TokenFile& tokens = run.tokens;
  tokens.assignment = assignment_of(run.trace);
  tokens.frames = static_cast<std::int64_t>(run.trace.frames.size());
  tokens.positions = run.trace.source.positions();
  if (tokens.positions == 0) tokens.frame_first = run.trace.first_patch;
}

void put_tokens(SpatialRun& run, const SpatialReducer& reducer, const SpatialUpdate& last) {
  stream::TokenBatch batch;
  reducer.tokens(last.decision, batch);
  stream::TokenFile& tokens = run.tokens;
  tokens.space = stream::TokenSpace::world;
  tokens.source = run.trace.source;
  tokens.source.feature_width = batch.source.feature_width;
  tokens.features = std::move(batch.features);
  tokens.frame = std::move(batch.frame);
  tokens.frame_last = std::move(batch.frame_last);
  tokens.weight = std::move(batch.weight);
  tokens.kind = std::move(batch.kind);
  tokens.pts = std::move(batch.pts);
  tokens.xyz = std::move(batch.xyz);
  tokens.key = std::move(batch.key);
  tokens.score = std::move(batch.score);
  tokens.reason = std::move(batch.reason);
  for (const std::int32_t row : last.decision.keep)
    tokens.views.push_back(reducer.table().views[static_cast<std::size_t>(row)]);
  put_assignment(run);
  put_totals(run);
}

}  // namespace

SpatialRun run_spatial(stream::SpatialSource& source, const SpatialRunSettings& settings,
                       const std::atomic<bool>& stop, const OnSpatialFrame& on_frame) {
  kernels::Resources resources(settings.threads);
  SpatialReducer reducer(resources, source.source(), settings.engine);
  SpatialRun run;
  run.trace.input = settings.input;
  run.trace.settings = settings.settings;
  run.trace.notes = settings.notes;
  run.trace.voxel_size = settings.voxel_size_m;
  run.trace.retain = settings.engine.retain;
  run.trace.budget = settings.engine.budget;
  run.trace.max_tokens = settings.engine.max_tokens;
  VoxelLives lives(run.trace);
  SpatialFrame frame;
  SpatialUpdate update;
  const auto read_all = [&] {
    for (;;) {
      {
        const StageTimer timer(run.trace.stage_ms, "1 read, decode, tokenize");
        if (stop || !source.next(frame)) return;
      }
      {
        const StageTimer timer(run.trace.stage_ms, "2 places, map and gate");
        reducer.push(frame, update);
      }
      run.trace.frames.push_back(trace_frame(frame, update));
      run.trace.non_finite += update.non_finite;
      lives.add(update, reducer);
      if (on_frame) {
        const StageTimer timer(run.trace.stage_ms, "3 overlay");
        on_frame(frame, update, reducer);
      }
    }
  };
  try {
    read_all();
  } catch (const Error& error) {
    if (run.trace.frames.empty()) throw;
    run.error = std::current_exception();  // what came before it is worth keeping
    run.trace.notes.emplace_back(error.what());
  }
  run.stopped = stop;
  if (run.trace.frames.empty())
    throw input_error(settings.input,
                      run.stopped ? "was stopped before its first frame" : "has no frames",
                      "at least one frame");
  describe_input(run, source);
  lives.finish(update.decision, reducer);
  put_tokens(run, reducer, update);
  return run;
}

}  // namespace sluice::apps

#include "temporal/segmenter.h"

#include <algorithm>

#include "kernels/error.h"

namespace sluice::temporal {

Segmenter::Segmenter(std::int64_t positions, const SegmenterOptions& options)
    : options_(options), positions_(positions), run_start_(static_cast<std::size_t>(positions)) {
  if (positions < 1) throw input_error("positions", concat(positions), "at least 1");
  if (options.max_window < 1)
    throw input_error("max-window", concat(options.max_window), "at least 1 frame");
  if (options.latency < 0)
    throw input_error("latency", concat(options.latency), "0 (no bound) or more frames");
}

void Segmenter::push(const kernels::BitMask& redundant) {
  if (redundant.size() != positions_)
    throw input_error("redundancy mask", concat(redundant.size(), " positions"),
                      concat(positions_));
  if (options_.latency == 0) {
    extend(redundant);
    return;
  }
  masks_.push_back(redundant);
  extend(redundant);
  commit_certain();
  while (waiting() >= options_.latency) force_cut();
}

/// One step of the dynamic program.
void Segmenter::extend(const kernels::BitMask& redundant) {
  const std::int64_t frame = waiting();
  runs_from_.push_back(0);
  const auto restart = [&](std::int64_t position) {
    auto& start = run_start_[static_cast<std::size_t>(position)];
    if (frame > 0) --runs_from_[static_cast<std::size_t>(start)];
    start = frame;
    ++runs_from_[static_cast<std::size_t>(frame)];
  };
  if (frame == 0)  // nothing before it counts any more
    for (std::int64_t position = 0; position < positions_; ++position) restart(position);
  else
    redundant.for_each_clear(restart);

  std::int64_t best = gain_until(frame);
  std::int64_t start = frame;
  // Positions redundant throughout [s, frame] are those whose run began at s or before.
  std::int64_t static_positions = positions_ - runs_from_[static_cast<std::size_t>(frame)];
  const std::int64_t earliest = std::max<std::int64_t>(0, frame - options_.max_window + 1);
  for (std::int64_t s = frame - 1; s >= earliest && static_positions > 0; --s) {
    const std::int64_t gain = gain_until(s) + (frame - s) * static_positions;
    if (gain > best) {
      best = gain;
      start = s;
    }
    static_positions -= runs_from_[static_cast<std::size_t>(s)];
  }
  best_.push_back(best);
  start_.push_back(start);
}

/// A future segment starts after the newest frame, at it, or where some run that still lasts leaves
/// a gain. What the optimal partitions up to all those starts have in common can't change any more.
void Segmenter::commit_certain() {
  const std::int64_t newest = waiting() - 1;
  std::int64_t common = common_ancestor(newest + 1, newest);
  std::int64_t static_positions = positions_ - runs_from_[static_cast<std::size_t>(newest)];
  const std::int64_t earliest = std::max<std::int64_t>(0, newest + 1 - options_.max_window + 1);
  for (std::int64_t s = newest - 1; s >= earliest && static_positions > 0 && common > 0; --s) {
    common = common_ancestor(common, s);
    static_positions -= runs_from_[static_cast<std::size_t>(s)];
  }
  if (common > 0) {
    commit_until(common, false);
    forget(common);
  }
}

std::int64_t Segmenter::common_ancestor(std::int64_t a, std::int64_t b) const {
  while (a != b) {
    if (a > b)
      a = parent(a);
    else
      b = parent(b);
  }
  return a;
}

/// Hands out the first segment of the best partition so far, then plans the rest anew: its optimum
/// may have rested on a start before the cut.
void Segmenter::force_cut() {
  std::int64_t boundary = waiting();
  while (parent(boundary) > 0) boundary = parent(boundary);
  commit_until(boundary, true);
  ++forced_cuts_;
  const std::int64_t newest_end = waiting();
  base_ += boundary;
  masks_.erase(masks_.begin(), masks_.begin() + boundary);
  best_.clear();
  start_.clear();
  runs_from_.clear();
  for (std::int64_t frame = boundary; frame < newest_end; ++frame)
    extend(masks_[static_cast<std::size_t>(frame - boundary)]);
  if (waiting() > 0) commit_certain();
}

void Segmenter::commit_until(std::int64_t boundary, bool forced) {
  gain_ += gain_until(boundary);
  std::vector<std::int64_t> ends;
  for (std::int64_t end = boundary; end > 0; end = parent(end)) ends.push_back(end);
  std::int64_t first = 0;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    certain_.push_back({base_ + first, base_ + *end - 1, forced});
    first = *end;
  }
}

/// Makes `frames` the new frame 0 of everything that waits.
void Segmenter::forget(std::int64_t frames) {
  const std::int64_t gone = gain_until(frames);
  base_ += frames;
  const auto drop = [frames](auto& queue) { queue.erase(queue.begin(), queue.begin() + frames); };
  std::int64_t older_runs = 0;
  for (std::int64_t frame = 0; frame < frames; ++frame)
    older_runs += runs_from_[static_cast<std::size_t>(frame)];
  drop(best_);
  drop(start_);
  drop(runs_from_);
  if (!masks_.empty()) drop(masks_);
  for (auto& gain : best_) gain -= gone;
  for (auto& start : start_) start -= frames;
  if (!runs_from_.empty()) runs_from_.front() += older_runs;
  for (auto& start : run_start_) start = std::max<std::int64_t>(0, start - frames);
}

void Segmenter::finish() {
  const std::int64_t end = waiting();
  if (end == 0) return;
  commit_until(end, false);
  base_ += end;
  best_.clear();
  start_.clear();
  runs_from_.clear();
  masks_.clear();
}

std::optional<Segment> Segmenter::next() {
  if (certain_.empty()) return std::nullopt;
  const Segment segment = certain_.front();
  certain_.pop_front();
  return segment;
}

}  // namespace sluice::temporal

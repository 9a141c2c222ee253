#include "temporal/token_memory.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/error.h"
#include "temporal/chapter_merger.h"
#include "temporal/memory_plan.h"
#include "temporal/token_rows.h"

namespace sluice::temporal {
namespace {

using stream::TokenBatch;

constexpr std::string_view where = "token memory";
constexpr std::int64_t most_rows = std::numeric_limits<std::int32_t>::max();  // rows are i32

std::int64_t tokens_of(std::span<const MemoryChapter> chapters) {
  return std::accumulate(
      chapters.begin(), chapters.end(), std::int64_t{0},
      [](std::int64_t sum, const MemoryChapter& chapter) { return sum + chapter.tokens; });
}

std::vector<ChapterSize> sizes_of(std::span<const MemoryChapter> chapters) {
  std::vector<ChapterSize> sizes;
  for (const MemoryChapter& chapter : chapters)
    sizes.push_back({chapter.frames(), chapter.tokens, chapter.arrived});
  return sizes;
}

/// `next` follows, and both are one from now on.
void extend(MemoryChapter& chapter, const MemoryChapter& next) {
  chapter.last_frame = next.last_frame;
  chapter.last_pts = next.last_pts;
  chapter.tokens += next.tokens;
  chapter.arrived += next.arrived;
  chapter.segments += next.segments;
}

/// Time without tokens belongs to the chapter before it, or else to the one behind.
void append(MemoryChapter next, std::vector<MemoryChapter>& chapters) {
  if (!chapters.empty() && (next.tokens == 0 || chapters.back().tokens == 0))
    extend(chapters.back(), next);
  else
    chapters.push_back(next);
}

void mark_recent(std::vector<MemoryChapter>& chapters, const TokenMemoryOptions& options) {
  const std::int64_t allowance = recent_allowance(options.budget, options.recent);
  const std::int64_t recent = count_recent(sizes_of(chapters), allowance);
  const std::int64_t older = std::ssize(chapters) - recent;
  for (std::int64_t i = 0; i < std::ssize(chapters); ++i)
    chapters[static_cast<std::size_t>(i)].recent = i >= older;
}

/// As they came, the first of them being the arrival-th token of all.
ChapterTokens copy_of(const TokenBatch& segment, std::int64_t arrival) {
  ChapterTokens tokens;
  tokens.batch.features.copy_from(segment.features);
  append_columns(segment, tokens.batch);
  for (const std::int64_t weight : segment.weight) tokens.heaviest.push_back({weight, arrival++});
  return tokens;
}

void check_columns(const TokenBatch& segment) {
  if (!segment.valid.empty() || !segment.held.empty())
    throw input_error(where, "tokens of a fixed shape (valid, held)",
                      "those of a segment, without padding");
  if (segment.size() > 0 &&
      (segment.key.empty() || segment.frame.empty() || segment.frame_last.empty() ||
       segment.pts.empty() || segment.pts_last.empty() || segment.weight.empty()))
    throw input_error(where, "tokens of unknown origin",
                      "key, frame, frame_last, pts, pts_last and weight");
}

void check_times(std::span<const double> pts) {
  for (std::size_t f = 0; f < pts.size(); ++f)
    if (!std::isfinite(pts[f]) || (f > 0 && pts[f] < pts[f - 1]))
      throw input_error(where, concat("a time of ", pts[f], " s for the segment's frame ", f),
                        "finite times that don't decrease");
}

/// So that the sum of all weights stays far from what an i64 can hold.
void check_weights(const TokenBatch& segment) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  for (std::size_t i = 0; i < segment.weight.size(); ++i)
    if (segment.weight[i] > most)
      throw input_error(where, concat("token ", i, " has a weight of ", segment.weight[i]),
                        concat("1 to ", most, " input tokens"));
}

/// The tokens' own frames lie within the segment's.
void check_frames(const TokenBatch& segment, std::int64_t first, std::int64_t frames) {
  constexpr std::int64_t most_frames = std::numeric_limits<std::int32_t>::max();
  if (frames < 1 || first < 0 || first > most_frames || frames - 1 > most_frames - first)
    throw input_error(where, concat("a segment of ", frames, " frames from ", first, " on"),
                      "one or more frames, numbered from 0 to 2^31 - 1");
  const std::int64_t last = first + frames - 1;
  for (std::size_t i = 0; i < segment.frame.size(); ++i)
    if (segment.frame[i] < first || segment.frame_last[i] > last)
      throw input_error(where,
                        concat("token ", i, " stands for frames ", segment.frame[i], " to ",
                               segment.frame_last[i]),
                        concat("frames ", first, " to ", last, ", those of its segment"));
}

}  // namespace

TokenMemory::TokenMemory(kernels::Resources& resources, const TokenMemoryOptions& options)
    : resources_(resources), options_(options) {
  if (options.budget < 1 || options.budget > most_rows)
    throw input_error(where, concat("a budget of ", options.budget, " tokens"),
                      "1 to 2^31 - 1 tokens");
  if (!(options.recent >= 0 && options.recent <= 1))
    throw input_error(where, concat("a recent share of ", options.recent), "0 to 1");
}

void TokenMemory::add(const TokenBatch& segment, std::int64_t first_frame,
                      std::span<const double> pts) {
  check(segment, first_frame, pts);
  const std::int64_t size = segment.size();
  std::vector<MemoryChapter> chapters = chapters_;
  append({.first_frame = first_frame,
          .last_frame = first_frame + std::ssize(pts) - 1,
          .first_pts = pts.front(),
          .last_pts = pts.back(),
          .tokens = size,
          .arrived = size,
          .segments = 1},
         chapters);
  TokenBatch like;
  if (!like_.features.defined() && segment.features.defined()) {
    like.source = segment.source;
    like.features.reshape(segment.features.dtype(), {0, segment.features.size(1)});
  }
  ChapterTokens newest;
  if (size > 0) newest = copy_of(segment, arrived());
  const bool is_full = tokens_of(chapters) > options_.budget;
  if (is_full) {
    held_ = compact(chapters, newest);
    ++counts_.compactions;
    counts_.oversized += chapters.back().tokens < chapters.back().arrived;
  } else {
    mark_recent(chapters, options_);
    if (size > 0) held_.push_back(std::move(newest));
  }
  // Nothing throws from here on.
  if (like.features.defined()) like_ = std::move(like);
  chapters_ = std::move(chapters);
  is_output_current_ = false;
  ++counts_.segments;
}

/// Rewrites `chapters`, whose last one is `newest`, and returns the tokens of each. Takes what it
/// needs not change from held_, once nothing can throw any more.
std::vector<ChapterTokens> TokenMemory::compact(std::vector<MemoryChapter>& chapters,
                                                ChapterTokens& newest) {
  const std::vector<ChapterGroup> groups =
      plan_compaction(sizes_of(chapters), options_.budget, options_.recent);
  const auto tokens_of_chapter = [&](std::size_t chapter) -> ChapterTokens& {
    return chapter < held_.size() ? held_[chapter] : newest;
  };
  std::vector<MergeTask> tasks;
  std::vector<MemoryChapter> compacted;
  std::vector<ChapterTokens*> unchanged;  // per group; null where there is a task
  std::size_t chapter = 0;
  for (const ChapterGroup& group : groups) {
    MergeTask task{.chapters = {}, .target = group.tokens};
    compacted.push_back(chapters[chapter]);
    for (std::int64_t i = 0; i < group.chapters; ++i, ++chapter) {
      task.chapters.push_back(&tokens_of_chapter(chapter));
      if (i > 0) extend(compacted.back(), chapters[chapter]);
    }
    const bool changes = group.chapters > 1 || group.tokens < compacted.back().tokens;
    unchanged.push_back(changes ? nullptr : &tokens_of_chapter(chapter - 1));
    if (changes) tasks.push_back(std::move(task));
  }
  mark_recent(compacted, options_);

  std::vector<ChapterTokens> merged = merge_chapters(resources_, tasks);
  std::vector<ChapterTokens*> all;
  std::vector<const ChapterTokens*> to_pack;  // what is merged, now or before
  for (std::size_t g = 0, task = 0; g < groups.size(); ++g) {
    all.push_back(unchanged[g] != nullptr ? unchanged[g] : &merged[task++]);
    if (unchanged[g] == nullptr || all[g]->batch.features.is_borrowed()) to_pack.push_back(all[g]);
  }
  std::vector<kernels::Tensor> features = pack_features(to_pack, spare_);
  std::vector<ChapterTokens> held(groups.size());
  for (std::size_t g = 0, pack = 0; g < groups.size(); ++g) {
    const bool is_packed = pack < to_pack.size() && to_pack[pack] == all[g];
    held[g] = std::move(*all[g]);
    if (is_packed) held[g].batch.features = std::move(features[pack++]);
    compacted[g].tokens = held[g].size();
  }
  std::swap(packed_, spare_);  // nobody shares the old one any more
  chapters = std::move(compacted);
  return held;
}

const TokenBatch& TokenMemory::tokens() {
  if (is_output_current_) return output_;
  stream::copy_tokens(like_, output_);
  if (like_.features.defined())
    output_.features.reshape(like_.features.dtype(),
                             {tokens_of(chapters_), like_.features.size(1)});
  std::int64_t row = 0;
  for (const ChapterTokens& chapter : held_) {
    append_tokens(resources_.rows(), chapter.batch, row, output_);
    row += chapter.size();
  }
  is_output_current_ = true;
  return output_;
}

std::int64_t TokenMemory::frames() const noexcept {
  return chapters_.empty() ? 0 : chapters_.back().last_frame - chapters_.front().first_frame + 1;
}

std::int64_t TokenMemory::arrived() const noexcept {
  std::int64_t sum = 0;
  for (const MemoryChapter& chapter : chapters_) sum += chapter.arrived;
  return sum;
}

void TokenMemory::clear() {
  chapters_.clear();
  held_.clear();
  like_ = {};
  *packed_ = {};
  *spare_ = {};
  is_output_current_ = false;
  counts_ = {};
}

void TokenMemory::check(const TokenBatch& segment, std::int64_t first_frame,
                        std::span<const double> pts) const {
  validate(segment, where);
  check_columns(segment);
  check_frames(segment, first_frame, std::ssize(pts));
  check_times(pts);
  check_weights(segment);
  check_like_first(segment);
  if (chapters_.empty()) return;
  const MemoryChapter& last = chapters_.back();
  if (first_frame != last.last_frame + 1)
    throw input_error(where, concat("a segment from frame ", first_frame, " on"),
                      concat("one that follows frame ", last.last_frame));
  if (pts.front() < last.last_pts)
    throw input_error(where, concat("a segment from ", pts.front(), " s on"),
                      concat("one that follows ", last.last_pts, " s"));
}

void TokenMemory::check_like_first(const TokenBatch& segment) const {
  if (!like_.features.defined() || !segment.features.defined()) return;
  const stream::Source &source = segment.source, &first = like_.source;
  if (source.id != first.id || source.grid_rows != first.grid_rows ||
      source.grid_cols != first.grid_cols)
    throw input_error(where,
                      concat("tokens of source '", source.id, "', grid ", source.grid_rows, " x ",
                             source.grid_cols),
                      concat("'", first.id, "', grid ", first.grid_rows, " x ", first.grid_cols,
                             ", as at first"));
  const auto kind_of = [](const kernels::Tensor& features) {
    return concat("features of width ", features.size(1), " in ", name(features.dtype()));
  };
  if (segment.features.size(1) != like_.features.size(1) ||
      segment.features.dtype() != like_.features.dtype())
    throw input_error(where, kind_of(segment.features),
                      concat(kind_of(like_.features), ", as at first"));
  if (held_.empty() || segment.size() == 0) return;
  for_each_origin_column([&](auto column, int) {
    if ((segment.*column).empty() != (held_.front().batch.*column).empty())
      throw input_error(where, "tokens with other columns than those before them",
                        "position, xyz, score, kind and reason for all of them or none");
  });
}

}  // namespace sluice::temporal

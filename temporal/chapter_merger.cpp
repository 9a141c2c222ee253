#include "temporal/chapter_merger.h"

#include <algorithm>
#include <utility>

#include "kernels/agglomeration.h"
#include "kernels/apportion.h"
#include "kernels/cpu/row_kernels.h"
#include "kernels/row_operations.h"

namespace sluice::temporal {
namespace {

using kernels::DType;
using kernels::cpu::RowKernels;

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

/// Merges tokens with NaN or infinity into the finite one before them, or else behind. True if
/// there were any; else `result` is not written.
bool absorb_non_finite(const RowKernels& kernels, const ChapterTokens& tokens,
                       ChapterTokens& result) {
  const std::int64_t n = tokens.size();
  std::vector<std::uint8_t> sound(at(n));
  for (std::int64_t i = 0; i < n; ++i)
    sound[at(i)] = kernels::is_finite_row(kernels, tokens.batch.features, i);
  const auto finite = std::count(sound.begin(), sound.end(), 1);
  if (finite == n) return false;
  std::vector<std::int32_t> cluster(at(n));
  std::int32_t sound_so_far = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    sound_so_far += sound[i];
    cluster[i] = std::max(sound_so_far - 1, 0);
  }
  result = merge_clusters(tokens, 0, cluster, std::max<std::int64_t>(finite, 1),
                          MergedOrder::clusters, sound);
  return true;
}

/// A task on its way. A chapter that was merged before is in f32 and read where it lies.
class Work {
 public:
  void start(const RowKernels& kernels, const MergeTask& task) {
    target_ = task.target;
    current_ = task.chapters.front();
    const bool can_be_read = task.chapters.size() == 1 && needs_merging() &&
                             current_->batch.features.dtype() == DType::f32;
    if (!can_be_read) replace(put_together(kernels, task.chapters));
    ChapterTokens finite;
    if (!needs_merging() || !absorb_non_finite(kernels, *current_, finite)) return;
    replace(std::move(finite));
    if (!needs_merging()) put_in_order(own_);
  }
  void replace(ChapterTokens tokens) {
    own_ = std::move(tokens);
    current_ = &own_;
  }

  [[nodiscard]] bool needs_merging() const { return current_->size() > target_; }
  [[nodiscard]] std::int64_t target() const { return target_; }
  [[nodiscard]] const ChapterTokens& tokens() const { return *current_; }
  /// Once it needs no more merging.
  [[nodiscard]] ChapterTokens take() { return std::move(own_); }

 private:
  ChapterTokens own_;
  const ChapterTokens* current_ = nullptr;
  std::int64_t target_ = 0;
};

/// A run of a task's tokens, merged at once.
struct Piece {
  std::size_t work;
  std::int64_t first, count, target;
};

/// The next pieces of what is not there yet.
void cut(std::size_t index, const Work& work, std::vector<Piece>& pieces) {
  const std::int64_t size = work.tokens().size();
  const std::int64_t count = (size + largest_piece - 1) / largest_piece;
  const std::int64_t next = count == 1 ? work.target() : std::max(work.target(), (size + 1) / 2);
  std::vector<std::int64_t> sizes, shares(at(count));
  for (std::int64_t p = 0; p < count; ++p)
    sizes.push_back((p + 1) * size / count - p * size / count);
  kernels::apportion(next, sizes, shares);
  std::int64_t first = 0;
  for (std::size_t p = 0; p < sizes.size(); ++p) {
    pieces.push_back({index, first, sizes[p], shares[p]});
    first += sizes[p];
  }
}

ChapterTokens merge_piece(const RowKernels& kernels, const ChapterTokens& tokens,
                          const Piece& piece, kernels::AgglomerationWorkspace& workspace) {
  const std::int64_t width = tokens.batch.features.size(1);
  const auto rows = tokens.batch.features.as<float>();
  std::vector<std::int32_t> cluster(at(piece.count));
  kernels::agglomerate(kernels, rows.subspan(at(piece.first * width), at(piece.count * width)),
                       width,
                       std::span(tokens.batch.weight).subspan(at(piece.first), at(piece.count)),
                       piece.target, workspace, cluster);
  return merge_clusters(tokens, piece.first, cluster, piece.target, MergedOrder::time);
}

/// Puts each work's pieces, which lie next to each other, together again.
void collect(const RowKernels& kernels, std::span<const Piece> pieces,
             std::span<ChapterTokens> merged, std::span<Work> works) {
  for (std::size_t first = 0, end = 0; first < pieces.size(); first = end) {
    Work& work = works[pieces[first].work];
    std::vector<const ChapterTokens*> parts;
    for (; end < pieces.size() && pieces[end].work == pieces[first].work; ++end)
      parts.push_back(&merged[end]);
    ChapterTokens whole =
        parts.size() == 1 ? std::move(merged[first]) : put_together(kernels, parts);
    put_in_order(whole);
    work.replace(std::move(whole));
  }
}

}  // namespace

std::vector<ChapterTokens> merge_chapters(kernels::Resources& resources,
                                          std::span<const MergeTask> tasks) {
  const RowKernels& kernels = resources.rows();
  std::vector<Work> works(tasks.size());
  resources.pool().parallel_for(
      std::ssize(tasks), [&](std::int64_t t, int) { works[at(t)].start(kernels, tasks[at(t)]); });
  std::vector<kernels::AgglomerationWorkspace> workspaces(at(resources.threads()));
  for (;;) {
    std::vector<Piece> pieces;
    for (std::size_t t = 0; t < works.size(); ++t)
      if (works[t].needs_merging()) cut(t, works[t], pieces);
    if (pieces.empty()) break;
    std::vector<ChapterTokens> merged(pieces.size());
    resources.pool().parallel_for(std::ssize(pieces), [&](std::int64_t p, int worker) {
      const Piece& piece = pieces[at(p)];
      merged[at(p)] =
          merge_piece(kernels, works[piece.work].tokens(), piece, workspaces[at(worker)]);
    });
    collect(kernels, pieces, merged, works);
  }
  std::vector<ChapterTokens> results;
  for (Work& work : works) results.push_back(work.take());
  return results;
}

}  // namespace sluice::temporal

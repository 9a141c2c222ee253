#include "temporal/memory_plan.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "kernels/apportion.h"
#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::temporal {
namespace {

using Integers = std::vector<std::int64_t>;

std::int64_t sum(std::span<const std::int64_t> values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

/// Chapters of each group once neighbours are joined until `groups` are left.
Integers join_neighbours(std::span<const ChapterSize> chapters, std::int64_t groups) {
  Integers members(chapters.size(), 1), frames;
  for (const ChapterSize& chapter : chapters) frames.push_back(chapter.frames);
  while (std::ssize(frames) > groups) {
    std::ptrdiff_t best = 0;
    for (std::ptrdiff_t i = 1; i + 1 < std::ssize(frames); ++i)
      if (frames.begin()[i] + frames.begin()[i + 1] <
          frames.begin()[best] + frames.begin()[best + 1])
        best = i;
    frames.begin()[best] += frames.begin()[best + 1];
    members.begin()[best] += members.begin()[best + 1];
    frames.erase(frames.begin() + best + 1);
    members.erase(members.begin() + best + 1);
  }
  return members;
}

/// Chapters of each group of the older ones, the last of which is the edge.
Integers join_older(std::span<const ChapterSize> older, std::int64_t groups) {
  if (groups == 1) return {std::ssize(older)};
  Integers members = join_neighbours(older.first(older.size() - 1), groups - 1);
  members.push_back(1);
  return members;
}

/// Shares that are not decided yet, in proportion to their frames.
void share_rest(std::int64_t rest, std::span<const std::int64_t> frames,
                std::span<const std::size_t> open, std::span<std::int64_t> shares) {
  Integers places, shared(open.size());
  // apportion() gives no group more than it has: here frames say how much, not how many.
  for (const std::size_t i : open) places.push_back(frames[i] * std::max<std::int64_t>(rest, 1));
  kernels::apportion(rest, places, shared);
  for (std::size_t k = 0; k < open.size(); ++k) shares[open[k]] = shared[k];
}

}  // namespace

std::int64_t tokens_after_compaction(std::int64_t budget) noexcept {
  return budget - budget / 16;
}

std::int64_t recent_allowance(std::int64_t budget, double recent) noexcept {
  const std::int64_t wanted = kernels::round_half_even(recent * static_cast<double>(budget));
  return std::clamp<std::int64_t>(wanted, 0, tokens_after_compaction(budget) - 1);
}

std::int64_t count_recent(std::span<const ChapterSize> chapters, std::int64_t allowance) noexcept {
  std::int64_t count = 0;
  for (auto chapter = chapters.rbegin(); chapter != chapters.rend(); ++chapter, ++count) {
    allowance -= chapter->arrived;
    if (allowance < 0) break;
  }
  return count;
}

std::vector<std::int64_t> share_by_frames(std::int64_t total, std::span<const std::int64_t> frames,
                                          std::span<const std::int64_t> least,
                                          std::span<const std::int64_t> most) {
  if (total < sum(least) || total > sum(most))
    throw input_error("share_by_frames", concat("a total of ", total),
                      concat(sum(least), " to ", sum(most)));
  Integers shares(frames.size());
  std::vector<std::size_t> open(frames.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  // Shares in proportion, of which some lie outside their limits. Where those that are raised need
  // more than those that are lowered set free, the raised ones stay so in every solution, and the
  // other way round; then the rest is shared anew.
  for (std::int64_t rest = total; !open.empty();) {
    share_rest(rest, frames, open, shares);
    std::int64_t raised = 0;
    for (const std::size_t i : open) raised += std::clamp(shares[i], least[i], most[i]) - shares[i];
    std::erase_if(open, [&](std::size_t i) {
      const bool decided = raised > 0   ? shares[i] < least[i]
                           : raised < 0 ? shares[i] > most[i]
                                        : true;
      if (!decided) return false;
      shares[i] = std::clamp(shares[i], least[i], most[i]);
      rest -= shares[i];
      return true;
    });
  }
  return shares;
}

std::vector<ChapterGroup> plan_compaction(std::span<const ChapterSize> chapters,
                                          std::int64_t budget, double recent) {
  const std::int64_t allowance = recent_allowance(budget, recent);
  const auto newest = static_cast<std::size_t>(count_recent(chapters, allowance));
  const auto older = chapters.first(chapters.size() - newest);
  const auto newer = chapters.last(newest);
  std::int64_t left = tokens_after_compaction(budget);
  std::int64_t unused_allowance = allowance;
  for (const ChapterSize& chapter : newer) {
    left -= chapter.tokens;
    unused_allowance -= chapter.tokens;
  }

  const Integers members = join_older(
      older, std::clamp<std::int64_t>(left / least_tokens_per_chapter, 1, std::ssize(older)));
  Integers frames, most;
  auto chapter = older.begin();
  for (const std::int64_t count : members) {
    frames.push_back(0);
    most.push_back(0);
    for (const auto end = chapter + count; chapter != end; ++chapter) {
      frames.back() += chapter->frames;
      most.back() += chapter->tokens;
    }
  }
  Integers least(members.size(), 1);
  least.back() = std::clamp<std::int64_t>(unused_allowance, 1, left - std::ssize(members) + 1);
  least.back() = std::min(least.back(), most.back());

  const Integers shares = share_by_frames(left, frames, least, most);
  std::vector<ChapterGroup> groups;
  for (std::size_t i = 0; i < members.size(); ++i) groups.push_back({members[i], shares[i]});
  for (const ChapterSize& held : newer) groups.push_back({1, held.tokens});
  return groups;
}

}  // namespace sluice::temporal

#include "spatial3d/gate_shares.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "kernels/rounding.h"

namespace sluice::spatial3d {
namespace {

/// Keeps the first `count` of `rows` in the order `before`, a strict total order.
template <typename Before>
void keep_first(std::vector<std::int32_t>& rows, std::int64_t count, KeptBy by, Before before,
                std::vector<KeptBy>& kept) {
  count = std::min(count, static_cast<std::int64_t>(rows.size()));
  const auto end = rows.begin() + count;
  if (end != rows.end()) std::nth_element(rows.begin(), end, rows.end(), before);
  std::for_each(rows.begin(), end, [&](auto row) { kept[static_cast<std::size_t>(row)] = by; });
}

std::int64_t count_kept(const std::vector<KeptBy>& kept) {
  return static_cast<std::int64_t>(kept.size()) -
         std::count(kept.begin(), kept.end(), KeptBy::nothing);
}

/// Which cube of `side` voxels a voxel lies in.
kernels::VoxelKey region_of(kernels::VoxelKey key, std::int64_t side) {
  constexpr std::int64_t mask = (std::int64_t{1} << kernels::voxel_axis_bits) - 1;
  const std::int64_t x = (key >> (2 * kernels::voxel_axis_bits)) / side;
  const std::int64_t y = ((key >> kernels::voxel_axis_bits) & mask) / side;
  const std::int64_t z = (key & mask) / side;
  return (((x << kernels::voxel_axis_bits) | y) << kernels::voxel_axis_bits) | z;
}

}  // namespace

void GateShares::choose(std::span<const kernels::VoxelKey> keys, std::span<const float> score,
                        std::span<const double> last_pts, double now, std::int64_t budget,
                        std::span<TokenMemory> memory, std::vector<KeptBy>& kept) {
  const auto n = static_cast<std::int64_t>(keys.size());
  const std::int64_t total = std::min(budget, n);
  const auto share = [&](double part) {
    return kernels::round_half_even(part * static_cast<double>(total));
  };
  const std::int64_t refreshed = std::min(share(options_.refresh_share), total);
  const std::int64_t ranked = total - refreshed;
  kept.assign(keys.size(), KeptBy::nothing);

  const auto unseen = [&](std::size_t row) {
    return now - last_pts[row] > options_.unseen_seconds;
  };
  const auto anyone = [](std::size_t) { return true; };
  keep_best(score, std::min(share(options_.unseen_share), ranked), KeptBy::unseen, unseen, kept);
  keep_regions(keys, score, std::min(share(options_.coverage_share), ranked - count_kept(kept)),
               kept);
  keep_best(score, ranked - count_kept(kept), KeptBy::score, anyone, kept);
  keep_waiting(score, now, refreshed, memory, kept);
}

/// The best of the rows of which `among` is true and that are not kept yet.
template <typename Among>
void GateShares::keep_best(std::span<const float> score, std::int64_t count, KeptBy by, Among among,
                           std::vector<KeptBy>& kept) {
  candidates_.clear();
  for (std::size_t row = 0; row < kept.size(); ++row)
    if (kept[row] == KeptBy::nothing && among(row))
      candidates_.push_back(static_cast<std::int32_t>(row));
  keep_first(
      candidates_, count, by,
      [score](std::int32_t a, std::int32_t b) {
        const float x = score[static_cast<std::size_t>(a)], y = score[static_cast<std::size_t>(b)];
        return x > y || (x == y && a < b);
      },
      kept);
}

/// How many regions of that side have a voxel.
std::int64_t GateShares::count_regions(std::span<const kernels::VoxelKey> keys, std::int64_t side) {
  regions_.resize(keys.size());
  std::transform(keys.begin(), keys.end(), regions_.begin(),
                 [side](auto key) { return region_of(key, side); });
  std::sort(regions_.begin(), regions_.end());
  return std::unique(regions_.begin(), regions_.end()) - regions_.begin();
}

/// Finds the smallest regions that `most` tokens are enough for, starting from the size used last.
/// Somewhat more room is asked for before they shrink again, so that their size does not flicker.
std::int64_t GateShares::region_side(std::span<const kernels::VoxelKey> keys, std::int64_t most) {
  const auto side = [&](int doublings) {
    return static_cast<std::int64_t>(options_.coverage_voxels) << doublings;
  };
  const auto roomy = (1 - options_.hysteresis) * static_cast<double>(most);
  while (region_doublings_ > 0 &&
         static_cast<double>(count_regions(keys, side(region_doublings_ - 1))) <= roomy)
    --region_doublings_;
  // A region as wide as the lattice holds everything.
  while (region_doublings_ < kernels::voxel_axis_bits &&
         count_regions(keys, side(region_doublings_)) > most)
    ++region_doublings_;
  return side(region_doublings_);
}

/// The best row of every region in which none is kept yet.
void GateShares::keep_regions(std::span<const kernels::VoxelKey> keys, std::span<const float> score,
                              std::int64_t most, std::vector<KeptBy>& kept) {
  if (most == 0) return;
  const std::int64_t side = region_side(keys, most);
  ranking_.clear();
  for (std::size_t row = 0; row < keys.size(); ++row)
    ranking_.push_back({region_of(keys[row], side), kept[row] == KeptBy::nothing, score[row],
                        static_cast<std::int32_t>(row)});
  std::sort(ranking_.begin(), ranking_.end(), [](const RegionRow& a, const RegionRow& b) {
    return std::tuple(a.region, a.free, -a.score, a.row) <
           std::tuple(b.region, b.free, -b.score, b.row);
  });
  for (std::size_t i = 0; i < ranking_.size(); ++i)
    if (ranking_[i].free && (i == 0 || ranking_[i].region != ranking_[i - 1].region))
      kept[static_cast<std::size_t>(ranking_[i].row)] = KeptBy::coverage;
}

/// Places for tokens that wait are held for a while and passed on a few at a time: a token that
/// appears for one frame only is of no use.
void GateShares::keep_waiting(std::span<const float> score, double now, std::int64_t count,
                              std::span<TokenMemory> memory, std::vector<KeptBy>& kept) {
  // How many places are due at `pts`, counted from time 0; whole numbers, so none gets lost.
  const auto passed_on = [&](double pts) {
    return std::floor(static_cast<double>(count) * pts / options_.refresh_seconds);
  };
  const double due = last_now_ == never ? 0 : passed_on(now) - passed_on(last_now_);
  last_now_ = now;
  const auto stay =
      count - static_cast<std::int64_t>(std::clamp(due, 0.0, static_cast<double>(count)));

  candidates_.clear();
  for (std::size_t row = 0; row < kept.size(); ++row)
    if (kept[row] == KeptBy::nothing) candidates_.push_back(static_cast<std::int32_t>(row));
  const auto of = [memory](std::int32_t row) -> const TokenMemory& {
    return memory[static_cast<std::size_t>(row)];
  };
  // Who has held a place for the shortest time may stay.
  const auto holders_end =
      std::partition(candidates_.begin(), candidates_.end(),
                     [&](std::int32_t row) { return of(row).refreshed_pts != never; });
  std::vector<std::int32_t> holders(candidates_.begin(), holders_end);
  candidates_.erase(candidates_.begin(), holders_end);
  keep_first(
      holders, stay, KeptBy::refresh,
      [&](std::int32_t a, std::int32_t b) {
        return std::tuple(-of(a).refreshed_pts, a) < std::tuple(-of(b).refreshed_pts, b);
      },
      kept);
  // Others wait in line; those who had to give their place up are at its end.
  for (const auto row : holders)
    if (kept[static_cast<std::size_t>(row)] == KeptBy::nothing) candidates_.push_back(row);
  const std::int64_t open = count - std::min(stay, static_cast<std::int64_t>(holders.size()));
  keep_first(
      candidates_, open, KeptBy::refresh,
      [&](std::int32_t a, std::int32_t b) {
        const auto rank = [&](std::int32_t row) {
          return std::tuple(of(row).sent_pts, -score[static_cast<std::size_t>(row)], row);
        };
        return rank(a) < rank(b);
      },
      kept);
  for (std::size_t row = 0; row < kept.size(); ++row) {
    double& since = memory[row].refreshed_pts;
    if (kept[row] != KeptBy::refresh)
      since = never;
    else if (since == never)
      since = now;
  }
}

void GateShares::clear() {
  last_now_ = never;
  region_doublings_ = 0;
}

}  // namespace sluice::spatial3d

#include "kernels/point_sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/bit_mask.h"
#include "kernels/error.h"

namespace sluice::kernels {
namespace {

using Point = std::array<double, 3>;

constexpr double infinity = std::numeric_limits<double>::infinity();

Point point_at(std::span<const float> xyz, std::int32_t index) noexcept {
  const float* p = xyz.data() + 3 * std::int64_t{index};
  return {static_cast<double>(p[0]), static_cast<double>(p[1]), static_cast<double>(p[2])};
}

double squared_length(double x, double y, double z) noexcept {
  return (x * x + y * y) + z * z;
}

/// Points in buckets of neighbours. A newly chosen point can only change buckets whose bounding box
/// is nearer to it than the bucket's farthest point is to the points chosen before; most are left
/// alone. Rounding is monotonic, so a computed distance to a box never exceeds the computed
/// distance to a point inside: the outcome is exactly that of the loop over all points.
class FarthestFirst {
 public:
  /// candidates: indices of finite points, at least one.
  FarthestFirst(std::span<const float> xyz, std::vector<std::int32_t> candidates)
      : xyz_(xyz), index_(std::move(candidates)) {
    const Point start = centroid();  // sums in ascending order, so before the points are sorted
    split(0, index_.size());
    for (auto& axis : position_) axis.resize(index_.size());
    for (std::size_t i = 0; i < index_.size(); ++i)
      for (std::size_t axis = 0; axis < 3; ++axis)
        position_[axis][i] = point_at(xyz_, index_[i])[axis];
    for (auto& bucket : buckets_) enclose(bucket);
    forget_distances();
    for (auto& bucket : buckets_) approach(bucket, start);
  }

  /// The first is farthest from the centroid, the others from those chosen before.
  std::int32_t choose() {
    const auto best = std::max_element(buckets_.begin(), buckets_.end(), is_nearer);
    if (std::exchange(from_centroid_, false)) {
      const std::size_t chosen = best->farthest;
      forget_distances();
      return choose(*best, chosen);
    }
    return choose(*best, best->farthest);
  }

 private:
  struct Bucket {
    std::size_t begin = 0, end = 0;  ///< its points, ascending by index
    Point low{}, high{};             ///< corners of its bounding box
    double distance = 0;             ///< of its farthest point, squared; negative: all are chosen
    std::size_t farthest = 0;        ///< position of that point; of several, of the lowest index
    std::int32_t index = 0;          ///< of that point
  };
  static constexpr std::size_t bucket_size = 64;

  static bool is_nearer(const Bucket& a, const Bucket& b) noexcept {
    return a.distance < b.distance || (a.distance == b.distance && a.index > b.index);
  }

  [[nodiscard]] Point centroid() const noexcept {
    Point sum{};
    for (const std::int32_t index : index_)
      for (std::size_t axis = 0; axis < 3; ++axis) sum[axis] += point_at(xyz_, index)[axis];
    for (double& value : sum) value /= static_cast<double>(index_.size());
    return sum;
  }

  /// Halves [begin, end) along its longest side until buckets are small enough.
  void split(std::size_t begin, std::size_t end) {
    const auto at = [this](std::size_t i) {
      return index_.begin() + static_cast<std::ptrdiff_t>(i);
    };
    if (end - begin <= bucket_size) {
      std::sort(at(begin), at(end));
      buckets_.push_back({begin, end});
      return;
    }
    const std::size_t axis = longest_side(begin, end);
    const std::size_t middle = begin + (end - begin) / 2;
    std::nth_element(at(begin), at(middle), at(end), [&](std::int32_t a, std::int32_t b) {
      return point_at(xyz_, a)[axis] < point_at(xyz_, b)[axis];
    });
    split(begin, middle);
    split(middle, end);
  }

  [[nodiscard]] std::size_t longest_side(std::size_t begin, std::size_t end) const noexcept {
    Point low, high;
    low.fill(infinity);
    high.fill(-infinity);
    for (std::size_t i = begin; i < end; ++i) {
      const Point p = point_at(xyz_, index_[i]);
      for (std::size_t axis = 0; axis < 3; ++axis) {
        low[axis] = std::min(low[axis], p[axis]);
        high[axis] = std::max(high[axis], p[axis]);
      }
    }
    std::size_t longest = 0;
    for (std::size_t axis = 1; axis < 3; ++axis)
      if (high[axis] - low[axis] > high[longest] - low[longest]) longest = axis;
    return longest;
  }

  void enclose(Bucket& bucket) noexcept {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto first = position_[axis].begin() + static_cast<std::ptrdiff_t>(bucket.begin);
      const auto last = position_[axis].begin() + static_cast<std::ptrdiff_t>(bucket.end);
      const auto [low, high] = std::minmax_element(first, last);
      bucket.low[axis] = *low;
      bucket.high[axis] = *high;
    }
  }

  void forget_distances() {
    distance_.assign(index_.size(), infinity);
    for (auto& bucket : buckets_) bucket.distance = infinity;
  }

  std::int32_t choose(Bucket& bucket, std::size_t chosen) {
    const Point point = point_at(xyz_, index_[chosen]);
    distance_[chosen] = -1;
    bucket.distance = infinity;  // so that it is looked through again in any case
    for (auto& other : buckets_)
      if (distance_to_box(other, point) < other.distance) approach(other, point);
    return index_[chosen];
  }

  static double distance_to_box(const Bucket& bucket, const Point& p) noexcept {
    const auto outside = [&](std::size_t axis) {
      return std::max(std::max(bucket.low[axis] - p[axis], p[axis] - bucket.high[axis]), 0.0);
    };
    return squared_length(outside(0), outside(1), outside(2));
  }

  /// Lowers the distances of the bucket's points to what they are from `p`.
  void approach(Bucket& bucket, const Point& p) noexcept {
    const double* x = position_[0].data();
    const double* y = position_[1].data();
    const double* z = position_[2].data();
    double* distance = distance_.data();
    for (std::size_t i = bucket.begin; i < bucket.end; ++i) {
      const double squared = squared_length(x[i] - p[0], y[i] - p[1], z[i] - p[2]);
      distance[i] = squared < distance[i] ? squared : distance[i];
    }
    bucket.farthest = static_cast<std::size_t>(
        std::max_element(distance + bucket.begin, distance + bucket.end) - distance);
    bucket.distance = distance[bucket.farthest];
    bucket.index = index_[bucket.farthest];
  }

  std::span<const float> xyz_;
  std::vector<std::int32_t> index_;              ///< of each point, bucket after bucket
  std::array<std::vector<double>, 3> position_;  ///< of each point, axis by axis
  std::vector<double> distance_;                 ///< of each point; −1 if it is chosen already
  std::vector<Bucket> buckets_;
  bool from_centroid_ = true;
};

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every platform.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  /// In [0, bound), without bias (Lemire 2019). bound ≥ 1.
  std::uint32_t below(std::uint32_t bound) noexcept {
    const std::uint32_t unfair = -bound % bound;  // 2^32 mod bound
    for (;;) {
      const std::uint64_t product = (next() >> 32) * bound;
      if (static_cast<std::uint32_t>(product) >= unfair)
        return static_cast<std::uint32_t>(product >> 32);
    }
  }

 private:
  std::uint64_t state_;
};

constexpr std::int64_t most_indices = std::numeric_limits<std::int32_t>::max();

void require_indexable(std::string_view where, std::int64_t n) {
  if (n < 0 || n > most_indices)
    throw input_error(where, concat(n, " points"), concat("0 to ", most_indices));
}

}  // namespace

void farthest_points(Resources& resources, std::span<const float> xyz, std::int64_t k,
                     std::vector<std::int32_t>& indices) {
  constexpr std::string_view where = "farthest points";
  if (xyz.size() % 3 != 0)
    throw input_error(where, concat(xyz.size(), " coordinates"), "three per point");
  const auto n = static_cast<std::int64_t>(xyz.size() / 3);
  require_indexable(where, n);
  k = std::clamp<std::int64_t>(k, 0, n);
  std::vector<std::int32_t> finite;
  indices.clear();  // the others, until the finite ones are chosen
  for (std::int32_t i = 0; i < n; ++i) {
    const Point p = point_at(xyz, i);
    const bool is_finite = std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2]);
    (is_finite ? finite : indices).push_back(i);
  }
  const auto of_finite = std::min(k, static_cast<std::int64_t>(finite.size()));
  indices.resize(static_cast<std::size_t>(k - of_finite));
  if (of_finite == static_cast<std::int64_t>(finite.size())) {
    indices.insert(indices.end(), finite.begin(), finite.end());
  } else if (of_finite > 0) {
    FarthestFirst points(xyz, std::move(finite));
    for (std::int64_t i = 0; i < of_finite; ++i) {
      resources.pool().poll();
      indices.push_back(points.choose());
    }
  }
  std::sort(indices.begin(), indices.end());
}

void seeded_sample(std::int64_t n, std::int64_t k, std::uint64_t seed,
                   std::vector<std::int32_t>& indices) {
  require_indexable("seeded sample", n);
  k = std::clamp<std::int64_t>(k, 0, n);
  // Floyd's sampling (Bentley & Floyd 1987): k draws, each subset equally likely.
  SplitMix64 random(seed);
  thread_local BitMask chosen;  // keeps its memory
  chosen.assign(n, false);
  for (std::int64_t last = n - k; last < n; ++last) {
    const auto drawn =
        static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(last + 1)));
    chosen.set(chosen[drawn] ? last : drawn);
  }
  indices.clear();
  chosen.for_each_set([&](std::int64_t i) { indices.push_back(static_cast<std::int32_t>(i)); });
}

}  // namespace sluice::kernels

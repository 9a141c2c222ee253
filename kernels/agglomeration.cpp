#include "kernels/agglomeration.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/cpu/row_kernels.h"
#include "kernels/error.h"

namespace sluice::kernels {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A cluster lives at the index of its first row; the pair (i, j) at cost[i·n + j], i < j. What has
/// been merged away costs infinity.
class Agglomeration {
 public:
  Agglomeration(std::span<const std::int64_t> weights, AgglomerationWorkspace& workspace)
      : state_(workspace), n_(static_cast<std::int64_t>(weights.size())) {
    const std::size_t n = weights.size();
    state_.cost.resize(n * n);
    state_.nearest.resize(n);
    state_.nearest_cost.resize(n);
    state_.absorber.resize(n);
    std::iota(state_.absorber.begin(), state_.absorber.end(), 0);
    state_.weight.assign(weights.begin(), weights.end());
  }

  void measure(const cpu::RowKernels& kernels, const float* rows, std::int64_t width) {
    for (std::int64_t i = 0; i < n_; ++i) {
      for (std::int64_t j = i + 1; j < n_; ++j) {
        const double shared = weight(i) * weight(j) / (weight(i) + weight(j));
        cost(i, j) =
            shared * kernels.squared_distance_f64(rows + i * width, rows + j * width, width);
      }
      find_nearest(i);
    }
  }

  void merge_cheapest() {
    const auto cheapest = std::min_element(state_.nearest_cost.begin(), state_.nearest_cost.end());
    const std::int64_t a = cheapest - state_.nearest_cost.begin();
    const std::int64_t b = state_.nearest[static_cast<std::size_t>(a)];
    for (std::int64_t k = 0; k < n_; ++k)
      if (k != a && k != b && is_cluster(k)) measure_union(a, b, k);
    remove(b);
    weight(a) += weight(b);
    state_.absorber[static_cast<std::size_t>(b)] = static_cast<std::int32_t>(a);
    find_nearest(a);
    for (std::int64_t k = 0; k < b; ++k)
      if (k != a && is_cluster(k)) look_again(k, a, b);
  }

  void number(std::span<std::int32_t> cluster) const {
    std::int32_t found = 0;
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      const auto absorber = static_cast<std::size_t>(state_.absorber[i]);
      cluster[i] = absorber == i ? found++ : cluster[absorber];  // absorbers come first
    }
  }

 private:
  [[nodiscard]] double& cost(std::int64_t i, std::int64_t j) {
    return state_.cost[static_cast<std::size_t>(std::min(i, j) * n_ + std::max(i, j))];
  }
  [[nodiscard]] double& weight(std::int64_t i) {
    return state_.weight[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] bool is_cluster(std::int64_t i) const {
    return state_.absorber[static_cast<std::size_t>(i)] == i;
  }

  /// cost(a ∪ b, k) from those of the parts, written to (a, k).
  void measure_union(std::int64_t a, std::int64_t b, std::int64_t k) {
    const double sum = (weight(a) + weight(k)) * cost(a, k) + (weight(b) + weight(k)) * cost(b, k) -
                       weight(k) * cost(a, b);
    // Rounding must not make it cheaper than nothing.
    cost(a, k) = std::max(0.0, sum / (weight(a) + weight(b) + weight(k)));
  }

  void remove(std::int64_t b) {
    for (std::int64_t k = 0; k < n_; ++k)
      if (k != b) cost(k, b) = infinity;
    state_.nearest_cost[static_cast<std::size_t>(b)] = infinity;
  }

  void find_nearest(std::int64_t i) {
    const double* first = state_.cost.data() + i * n_;
    const double* nearest = std::min_element(first + i + 1, first + n_);
    const bool is_there = nearest != first + n_;
    state_.nearest[static_cast<std::size_t>(i)] =
        is_there ? static_cast<std::int32_t>(nearest - first) : -1;
    state_.nearest_cost[static_cast<std::size_t>(i)] = is_there ? *nearest : infinity;
  }

  /// a and b have become a: what is now cheapest for k?
  void look_again(std::int64_t k, std::int64_t a, std::int64_t b) {
    const auto at = static_cast<std::size_t>(k);
    if (state_.nearest[at] == a || state_.nearest[at] == b) return find_nearest(k);
    if (k > a) return;  // pairs belong to their first row
    // A union is never cheaper to merge with than the cheaper part was, but by rounding.
    const double changed = cost(k, a);
    if (changed < state_.nearest_cost[at] ||
        (changed == state_.nearest_cost[at] && a < state_.nearest[at])) {
      state_.nearest[at] = static_cast<std::int32_t>(a);
      state_.nearest_cost[at] = changed;
    }
  }

  AgglomerationWorkspace& state_;
  std::int64_t n_;
};

void check(std::span<const float> rows, std::int64_t width, std::span<const std::int64_t> weights,
           std::int64_t clusters, std::span<const std::int32_t> cluster) {
  const auto n = static_cast<std::int64_t>(weights.size());
  if (width < 1 || static_cast<std::int64_t>(rows.size()) != n * width ||
      cluster.size() != weights.size())
    throw input_error("agglomeration",
                      concat(rows.size(), " features of width ", width, ", ", n, " weights and ",
                             cluster.size(), " results"),
                      "a row, a weight and a result each");
  if (clusters < 1 || clusters > n)
    throw input_error("agglomeration", concat(clusters, " clusters of ", n, " rows"),
                      "at least one, and no more than rows");
  if (std::any_of(weights.begin(), weights.end(), [](std::int64_t w) { return w < 1; }))
    throw input_error("agglomeration", "a weight below 1", "the number of tokens");
}

}  // namespace

void agglomerate(const cpu::RowKernels& kernels, std::span<const float> rows, std::int64_t width,
                 std::span<const std::int64_t> weights, std::int64_t clusters,
                 AgglomerationWorkspace& workspace, std::span<std::int32_t> cluster) {
  check(rows, width, weights, clusters, cluster);
  const auto n = static_cast<std::int64_t>(weights.size());
  if (clusters == n) return std::iota(cluster.begin(), cluster.end(), 0);
  Agglomeration agglomeration(weights, workspace);
  agglomeration.measure(kernels, rows.data(), width);
  for (std::int64_t left = n; left > clusters; --left) agglomeration.merge_cheapest();
  agglomeration.number(cluster);
}

}  // namespace sluice::kernels

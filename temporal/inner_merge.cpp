#include "temporal/inner_merge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/cpu/row_kernels.h"
#include "kernels/error.h"
#include "kernels/row_operations.h"
#include "kernels/top_k.h"
#include "stream/token_batch.h"

namespace sluice::temporal {
namespace {

using kernels::DType;
using kernels::Resources;
using kernels::TensorView;
using stream::DropReason;

constexpr const char* place = "inner merge";
constexpr double infinity = std::numeric_limits<double>::infinity();

void require_consistent(const InnerMergeInput& input) {
  const TensorView& hidden = input.hidden;
  if (hidden.rank() != 2 || hidden.size(1) < 1 || !kernels::is_feature_type(hidden.dtype()))
    throw input_error("hidden",
                      concat("is ", kernels::name(hidden.dtype()), " ", hidden.shape().to_string()),
                      "[tokens, width] of f32, f16 or bf16");
  if (!hidden.is_contiguous() || hidden.device().kind != kernels::Device::Kind::cpu)
    throw input_error("hidden", "is strided or not in host memory",
                      "contiguous rows in host memory");
  const std::int64_t n = hidden.size(0);
  if (!input.attention.empty() && std::ssize(input.attention) != n)
    throw input_error("attention", concat(input.attention.size(), " values"),
                      concat(n, ", one per token"));
  if (input.span_start < 0 || input.n_in < 0 || input.span_start > n ||
      input.n_in > n - input.span_start)
    throw input_error(place, concat(input.n_in, " visual tokens from ", input.span_start, " on"),
                      concat("a span within the ", n, " tokens"));
  if (input.n_out < 0 || input.n_out > input.n_in)
    throw input_error(place, concat(input.n_out, " tokens to keep"),
                      concat("0 to ", input.n_in, ", as many as come in"));
}

TensorView span_of(const InnerMergeInput& input) {
  return {
      input.hidden.row(input.span_start), input.hidden.dtype(), {input.n_in, input.hidden.size(1)}};
}

/// Broken tokens behind all others, those whose attention is NaN just before them.
std::vector<double> ranking(Resources& resources, const InnerMergeInput& input,
                            std::span<const std::uint8_t> finite) {
  const auto n = static_cast<std::size_t>(input.n_in);
  std::vector<double> score(n);
  if (input.attention.empty()) {
    std::vector<float> distinct(n);
    distinctness(resources, span_of(input), finite, distinct);
    score.assign(distinct.begin(), distinct.end());
  } else {
    const auto seen = input.attention.subspan(static_cast<std::size_t>(input.span_start), n);
    score.assign(seen.begin(), seen.end());
  }
  for (std::size_t i = 0; i < n; ++i)
    if (finite[i] == 0)
      score[i] = std::numeric_limits<double>::quiet_NaN();
    else if (std::isnan(score[i]))
      score[i] = -infinity;
  return score;
}

/// Who joins whom. An f32 product within a known error rules out almost all pairs; f64 decides
/// among the rest.
class MostSimilar {
 public:
  /// Rows of `span` [n,D]; all must be finite. Neither list may be empty.
  MostSimilar(Resources& resources, const TensorView& span, std::span<const std::int32_t> joining,
              std::span<const std::int32_t> kept)
      : resources_(resources),
        kernels_(resources.rows()),
        joining_(std::ssize(joining)),
        kept_(std::ssize(kept)),
        width_(span.size(1)) {
    rows_.resize(static_cast<std::size_t>((joining_ + kept_) * width_));
    const auto middle = static_cast<std::size_t>(joining_ * width_);
    gather_rows(resources, span, joining, std::span(rows_).first(middle));
    gather_rows(resources, span, kept, std::span(rows_).subspan(middle));
    square_.resize(static_cast<std::size_t>(joining_ + kept_));
    resources.pool().parallel_for(joining_ + kept_, [this](std::int64_t i, int) {
      square_[static_cast<std::size_t>(i)] = kernels_.dot_f64(row(i), row(i), DType::f32, width_);
    });
  }

  /// [joining] index into the kept rows.
  [[nodiscard]] std::vector<std::int32_t> find() const {
    std::vector<std::int32_t> found(static_cast<std::size_t>(joining_));
    const std::int64_t tasks = (joining_ + rows_per_task - 1) / rows_per_task;
    resources_.pool().parallel_for(tasks, [&](std::int64_t task, int) {
      thread_local std::vector<float> products;
      const std::int64_t begin = task * rows_per_task;
      const std::int64_t count = std::min(rows_per_task, joining_ - begin);
      multiply(begin, count, products);
      for (std::int64_t i = 0; i < count; ++i)
        found[static_cast<std::size_t>(begin + i)] =
            best_of(begin + i, products.data() + i * product_stride() + joining_ - begin);
    });
    return found;
  }

 private:
  static constexpr std::int64_t rows_per_task = 24;
  /// Sums of squares from here on could overflow an f32 product.
  static constexpr double largest_square = 1e36;

  [[nodiscard]] const float* row(std::int64_t i) const noexcept {
    return rows_.data() + i * width_;
  }
  [[nodiscard]] std::int64_t product_stride() const noexcept { return joining_ + kept_; }

  /// Rows begin … begin + count by all kept ones, the columns counted from row `begin`.
  void multiply(std::int64_t begin, std::int64_t count, std::vector<float>& products) const {
    products.assign(static_cast<std::size_t>(count * product_stride()), 0.0F);
    const std::int64_t first = joining_ - begin;
    for (std::int64_t d = 0; d < width_; d += kernels::cpu::gram_block)
      kernels_.add_gram(row(begin), width_, 0, count, first, first + kept_, d,
                        std::min(d + kernels::cpu::gram_block, width_), products.data(),
                        product_stride());
  }

  struct Bounds {
    double low, high;
  };
  [[nodiscard]] Bounds bounds(std::int64_t i, std::int64_t k, float product) const noexcept {
    const double a = square_[static_cast<std::size_t>(i)];
    const double b = square_[static_cast<std::size_t>(joining_ + k)];
    const double scale = std::sqrt(a * b);
    if (scale == 0) return {0, 0};
    if (a > largest_square || b > largest_square) return {-infinity, infinity};
    const double cosine = static_cast<double>(product) / scale;
    // Products below the range of f32 are lost altogether.
    const double lost = 4 * static_cast<double>(width_) *
                        static_cast<double>(std::numeric_limits<float>::denorm_min());
    const double slack = 1.01 * kernels::cpu::gram_error(width_) + lost / scale;
    return {cosine - slack, cosine + slack};
  }
  [[nodiscard]] double cosine(std::int64_t i, std::int64_t k) const noexcept {
    const double scale = std::sqrt(square_[static_cast<std::size_t>(i)] *
                                   square_[static_cast<std::size_t>(joining_ + k)]);
    if (scale == 0) return 0;
    return kernels_.dot_f64(row(joining_ + k), row(i), DType::f32, width_) / scale;
  }

  [[nodiscard]] std::int32_t best_of(std::int64_t i, const float* products) const noexcept {
    double limit = -infinity;
    for (std::int64_t k = 0; k < kept_; ++k) limit = std::max(limit, bounds(i, k, products[k]).low);
    std::int64_t best = -1;
    double best_cosine = -infinity;
    for (std::int64_t k = 0; k < kept_; ++k) {
      if (bounds(i, k, products[k]).high < limit) continue;
      const double exact = cosine(i, k);
      if (best >= 0 && !(exact > best_cosine)) continue;
      best = k;
      best_cosine = exact;
    }
    return static_cast<std::int32_t>(best);
  }

  Resources& resources_;
  const kernels::cpu::RowKernels& kernels_;
  std::int64_t joining_, kept_, width_;
  std::vector<float> rows_;     // [joining + kept, D]
  std::vector<double> square_;  // [joining + kept]
};

void select(const InnerMergeInput& input, std::span<const double> score, InnerMerge& result) {
  std::vector<std::int32_t> best;
  kernels::top_k(score, input.n_out, best);
  result.keep_in_span.assign(best.begin(), best.end());
  auto& keep = result.keep;
  keep.resize(static_cast<std::size_t>(input.hidden.size(0) - input.n_in + input.n_out));
  const auto span = keep.begin() + input.span_start;
  std::iota(keep.begin(), span, std::int64_t{0});
  std::transform(best.begin(), best.end(), span,
                 [&](std::int32_t index) { return input.span_start + index; });
  std::iota(span + input.n_out, keep.end(), input.span_start + input.n_in);
}

/// Fills `assignment` and `weight`.
void assign(Resources& resources, const InnerMergeInput& input,
            std::span<const std::uint8_t> finite, InnerMerge& result) {
  const auto is_finite = [&](std::int64_t i) { return finite[static_cast<std::size_t>(i)] != 0; };
  result.assignment.assign(static_cast<std::size_t>(input.n_in),
                           static_cast<std::int32_t>(DropReason::not_selected));
  result.weight.assign(static_cast<std::size_t>(input.n_out), 1);
  std::vector<std::int32_t> kept, kept_rows, joining;
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < input.n_in; ++i) {
    auto& row = result.assignment[static_cast<std::size_t>(i)];
    if (next < input.n_out && result.keep_in_span[static_cast<std::size_t>(next)] == i) {
      row = static_cast<std::int32_t>(input.span_start + next++);
      if (!is_finite(i)) continue;
      kept.push_back(static_cast<std::int32_t>(i));
      kept_rows.push_back(row);
    } else if (!is_finite(i)) {
      row = static_cast<std::int32_t>(DropReason::non_finite);
    } else {
      joining.push_back(static_cast<std::int32_t>(i));
    }
  }
  if (kept.empty() || joining.empty()) return;
  const auto found = MostSimilar(resources, span_of(input), joining, kept).find();
  for (std::size_t i = 0; i < joining.size(); ++i) {
    const std::int32_t row = kept_rows[static_cast<std::size_t>(found[i])];
    result.assignment[static_cast<std::size_t>(joining[i])] = row;
    ++result.weight[static_cast<std::size_t>(row - input.span_start)];
  }
}

void copy_kept(const InnerMergeInput& input, InnerMerge& result) {
  const TensorView& hidden = input.hidden;
  result.hidden.reshape(hidden.dtype(), {std::ssize(result.keep), hidden.size(1)});
  const std::size_t bytes = static_cast<std::size_t>(hidden.size(1)) * item_size(hidden.dtype());
  auto* target = static_cast<std::byte*>(result.hidden.data());
  if (bytes == 0) return;
  for (const std::int64_t row : result.keep) {
    std::memcpy(target, hidden.row(row), bytes);
    target += bytes;
  }
}

/// Output row `out` with its group: the kept state first, then the others in ascending order.
class GroupMeans {
 public:
  GroupMeans(Resources& resources, const InnerMergeInput& input)
      : kernels_(resources.rows()), hidden_(input.hidden), running_(input.running) {}

  void write(std::span<const std::int64_t> group, std::byte* out) const {
    thread_local std::vector<float> row;
    row.resize(static_cast<std::size_t>(width()));
    if (running_)
      average_running(group, row, out);
    else
      average(group, row, out);
  }

 private:
  [[nodiscard]] std::int64_t width() const noexcept { return hidden_.size(1); }

  void average(std::span<const std::int64_t> group, std::span<float> row, std::byte* out) const {
    thread_local std::vector<double> sum;
    sum.assign(row.size(), 0.0);
    for (const std::int64_t member : group) {
      kernels_.load(row.data(), hidden_.row(member), hidden_.dtype(), width());
      for (std::size_t d = 0; d < row.size(); ++d) sum[d] += static_cast<double>(row[d]);
    }
    const auto count = static_cast<double>(group.size());
    for (std::size_t d = 0; d < row.size(); ++d) row[d] = static_cast<float>(sum[d] / count);
    kernels_.store(out, row.data(), hidden_.dtype(), width());
  }

  void average_running(std::span<const std::int64_t> group, std::span<float> row,
                       std::byte* out) const {
    for (const std::int64_t member : group.subspan(1)) {
      kernels_.load(row.data(), out, hidden_.dtype(), width());
      // Halves first: the sum of two large states would overflow.
      kernels_.scale(row.data(), 0.5F, width());
      kernels_.add_scaled(row.data(), hidden_.row(member), hidden_.dtype(), 0.5F, width());
      kernels_.store(out, row.data(), hidden_.dtype(), width());
    }
  }

  const kernels::cpu::RowKernels& kernels_;
  TensorView hidden_;
  bool running_;
};

void merge_groups(Resources& resources, const InnerMergeInput& input, InnerMerge& result) {
  const GroupMeans means(resources, input);
  const std::size_t bytes =
      static_cast<std::size_t>(input.hidden.size(1)) * item_size(input.hidden.dtype());
  auto* const rows = static_cast<std::byte*>(result.hidden.data());
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(input.n_out));
  for (std::size_t k = 0; k < groups.size(); ++k)
    groups[k].push_back(input.span_start + result.keep_in_span[k]);
  for (std::int64_t i = 0; i < input.n_in; ++i) {
    const std::int32_t row = result.assignment[static_cast<std::size_t>(i)];
    if (row < 0) continue;
    auto& group = groups[static_cast<std::size_t>(row - input.span_start)];
    if (group.front() != input.span_start + i) group.push_back(input.span_start + i);
  }
  resources.pool().parallel_for(input.n_out, [&](std::int64_t k, int) {
    const auto& group = groups[static_cast<std::size_t>(k)];
    if (group.size() > 1)
      means.write(group, rows + static_cast<std::size_t>(input.span_start + k) * bytes);
  });
}

}  // namespace

void inner_merge(Resources& resources, const InnerMergeInput& input, InnerMerge& result) {
  require_consistent(input);
  std::vector<std::uint8_t> finite(static_cast<std::size_t>(input.n_in));
  if (input.n_in > 0) mark_finite(resources, span_of(input), finite);
  select(input, ranking(resources, input, finite), result);
  assign(resources, input, finite, result);
  copy_kept(input, result);
  merge_groups(resources, input, result);
}

}  // namespace sluice::temporal

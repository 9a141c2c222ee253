#include "policy/latency_model.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"
#include "kernels/touched_memory.h"

namespace sluice::policy {
namespace {

constexpr double longest_ms = 24.0 * 3600 * 1000;
constexpr std::int64_t widest_window = 256;
constexpr std::size_t shift_run = 3;  // so many outliers in a row are a change, not strays

const LatencyModelOptions& checked(const LatencyModelOptions& options) {
  if (options.window < 2 || options.window > widest_window)
    throw input_error("latency window", concat(options.window), concat("2 to ", widest_window));
  if (options.least < 1 || options.least > options.window)
    throw input_error("latency observations", concat("at least ", options.least),
                      concat("1 to the window's ", options.window));
  if (!(options.quantile > 0 && options.quantile < 1))
    throw input_error("latency quantile", concat(options.quantile), "0 < quantile < 1");
  if (!(options.least_spread > 0 && options.least_spread < 1))
    throw input_error("latency spread", concat(options.least_spread), "0 < spread < 1");
  if (options.outlier_memory < options.window || options.outlier_memory > 1 << 20)
    throw input_error("latency outlier memory", concat(options.outlier_memory),
                      concat(options.window, " to ", 1 << 20));
  if (!(options.reach > 0 && options.reach <= 1e6))
    throw input_error("latency reach", concat(options.reach), "0 < reach ≤ 10⁶");
  return options;
}

/// The element that sorting would put at `rank`.
double select(std::vector<double>& values, std::size_t rank) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace

LatencyModel::LatencyModel(const LatencyModelOptions& options) : options_(checked(options)) {
  const auto size = static_cast<std::size_t>(options.window);
  kernels::reserve_touched(window_, size);
  kernels::reserve_touched(residuals_, size);
  kernels::reserve_touched(is_stray_, size);
  kernels::reserve_touched(scratch_, std::max(size, size * (size - 1) / 2));
  stray_outliers_.ring.resize(static_cast<std::size_t>(options.outlier_memory));
}

void LatencyModel::observe(std::int64_t tokens, double latency_ms) noexcept {
  if (tokens < 0 || !(latency_ms >= 0 && latency_ms <= longest_ms)) {
    ++ignored_;
    return;
  }
  if (window_.size() == static_cast<std::size_t>(options_.window)) window_.erase(window_.begin());
  window_.push_back({static_cast<double>(tokens), latency_ms});
  if (static_cast<std::int64_t>(window_.size()) >= options_.least) fit();
}

void LatencyModel::fit() noexcept {
  learn_slope();
  compute_residuals();
  mark_stray_outliers();
  const double base_ms = covering_residual();
  line_ = slope_ms_ ? Line{base_ms, *slope_ms_, true} : Line{0, base_ms, false};
}

void LatencyModel::learn_slope() noexcept {
  scratch_.clear();
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const auto [tokens, latency_ms] = window_[i];
    for (std::size_t j = 0; j < i; ++j) {
      const double apart = tokens - window_[j].tokens;
      const double larger = std::max(tokens, window_[j].tokens);
      if (apart == 0 || std::abs(apart) < options_.least_spread * larger) continue;
      scratch_.push_back((latency_ms - window_[j].latency_ms) / apart);
    }
  }
  const auto n = window_.size();
  if (n <= 3 ? scratch_.empty() : scratch_.size() < 3 * (n - 3)) return;
  slope_ms_ = std::max(select(scratch_, scratch_.size() / 2), 0.0);
}

void LatencyModel::compute_residuals() noexcept {
  residuals_.clear();
  for (const auto& [tokens, latency_ms] : window_)
    residuals_.push_back(slope_ms_ ? latency_ms - *slope_ms_ * tokens
                                   : latency_ms / std::max(tokens, 1.0));
}

void LatencyModel::mark_stray_outliers() noexcept {
  const auto n = residuals_.size();
  scratch_ = residuals_;
  const double lower = select(scratch_, (n - 1) / 4);
  const double upper = select(scratch_, (3 * n) / 4);
  const double fence = upper + 3 * (upper - lower);
  is_stray_.resize(n);
  std::size_t run = 0;  // outliers in a row up to here
  for (std::size_t i = 0; i < n; ++i) {
    run = residuals_[i] > fence ? run + 1 : 0;
    is_stray_[i] = run > 0 ? 1 : 0;
    if (run < shift_run) continue;
    for (std::size_t back = 0; back < shift_run; ++back) is_stray_[i - back] = 0;
  }
  // Counted when no more can join its row.
  if (n >= shift_run) stray_outliers_.push(is_stray_[n - shift_run] != 0);
}

/// The ⌈q·(n + 1)⌉-th smallest of n covers the next one with probability q, which the ⌈q·n⌉-th
/// does not.
double LatencyModel::covering_residual() noexcept {
  double quantile = options_.quantile;
  const auto marks = static_cast<double>(std::max<std::size_t>(stray_outliers_.size, 1));
  const double share = static_cast<double>(stray_outliers_.set) / marks;
  const bool rare = share <= 1 - quantile;
  if (rare) quantile /= 1 - share;
  scratch_.clear();
  for (std::size_t i = 0; i < residuals_.size(); ++i)
    if (!rare || is_stray_[i] == 0) scratch_.push_back(residuals_[i]);
  const auto n = static_cast<double>(scratch_.size());
  const double rank = std::clamp(std::ceil(quantile * (n + 1)), 1.0, n);
  return select(scratch_, static_cast<std::size_t>(rank) - 1);
}

void LatencyModel::Marks::push(bool mark) noexcept {
  if (size == ring.size()) set -= ring[next];
  size = std::min(size + 1, ring.size());
  ring[next] = mark ? 1 : 0;
  set += ring[next];
  next = (next + 1) % ring.size();
}

std::optional<std::int64_t> LatencyModel::tokens_within(double deadline_ms, std::int64_t least,
                                                        std::int64_t most) const noexcept {
  if (!line_) return std::nullopt;
  const auto [fewest_seen, most_seen] =
      std::minmax_element(window_.begin(), window_.end(),
                          [](const auto& a, const auto& b) { return a.tokens < b.tokens; });
  const double reachable = std::max(std::ceil(most_seen->tokens * (1 + options_.reach)), 1.0);
  double tokens = std::min(static_cast<double>(most), reachable);
  if (!(line_->base_ms + line_->slope_ms * tokens <= deadline_ms))
    tokens = std::floor((deadline_ms - line_->base_ms) / line_->slope_ms);
  if (!line_->learned && tokens < fewest_seen->tokens) return least;
  if (!(tokens > static_cast<double>(least))) return least;
  return tokens < static_cast<double>(most) ? static_cast<std::int64_t>(tokens) : most;
}

void LatencyModel::clear() noexcept {
  window_.clear();
  stray_outliers_.size = 0;
  stray_outliers_.set = 0;
  slope_ms_.reset();
  line_.reset();
  ignored_ = 0;
}

}  // namespace sluice::policy

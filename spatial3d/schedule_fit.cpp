#include "spatial3d/schedule_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/error.h"
#include "spatial3d/decay_curve.h"

namespace sluice::spatial3d {
namespace {

/// The values, then their gradients: central differences, one-sided at the ends.
std::vector<double> with_gradients(const std::vector<double>& values) {
  std::vector<double> out = values;
  const std::size_t last = values.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const std::size_t low = i == 0 ? 0 : i - 1;
    const std::size_t high = std::min(i + 1, last);
    out.push_back((values[high] - values[low]) / static_cast<double>(high - low));
  }
  return out;
}

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// The error of a curve as a function of its rate.
class Objective {
 public:
  explicit Objective(const std::vector<double>& percent)
      : points_(percent.size()), wanted_(with_gradients(percent)) {}

  [[nodiscard]] double operator()(double rate) const {
    std::vector<double> curve(points_);
    for (std::size_t i = 0; i < points_; ++i)
      curve[i] =
          decay_percent(rate, static_cast<double>(i + 1), static_cast<std::int64_t>(points_) + 1);
    return squared_distance(with_gradients(curve), wanted_);
  }

  /// The error of the best constant: its gradients are zero.
  [[nodiscard]] double constant_error() const {
    double mean = 0;
    for (std::size_t i = 0; i < points_; ++i) mean += wanted_[i];
    mean /= static_cast<double>(points_);
    std::vector<double> constant(points_, mean);
    return squared_distance(with_gradients(constant), wanted_);
  }

 private:
  std::size_t points_;
  std::vector<double> wanted_;
};

/// Rates in steps that are fine around 0, where curves differ most, and wide at the limits.
std::vector<double> coarse_rates() {
  constexpr int half = 400;
  constexpr double stretch = 8;
  std::vector<double> rates;
  for (int i = -half; i <= half; ++i)
    rates.push_back(max_decay_rate * std::sinh(stretch * i / half) / std::sinh(stretch));
  return rates;
}

/// The minimum between two rates around it, by golden section.
double golden_section(const Objective& error, double low, double high) {
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double a = high - golden * (high - low);
  double b = low + golden * (high - low);
  double error_a = error(a);
  double error_b = error(b);
  for (int i = 0; i < 100; ++i) {
    if (error_a <= error_b) {
      high = b;
      b = a;
      error_b = error_a;
      a = high - golden * (high - low);
      error_a = error(a);
    } else {
      low = a;
      a = b;
      error_a = error_b;
      b = low + golden * (high - low);
      error_b = error(b);
    }
  }
  return (low + high) / 2;
}

}  // namespace

std::optional<ScheduleFit> fit_schedule(std::span<const double> contribution) {
  if (contribution.empty())
    throw input_error("schedule fit", "no contribution", "one value for each layer but the first");
  std::vector<double> percent;
  for (const double value : contribution) {
    if (!std::isfinite(value))
      throw input_error("schedule fit", concat("a contribution of ", value), "finite values");
    percent.push_back(100 * value);
  }
  const auto [least, most] = std::minmax_element(percent.begin(), percent.end());
  if (*least == *most) return std::nullopt;

  const Objective error(percent);
  const std::vector<double> rates = coarse_rates();
  std::size_t best = 0;
  double best_error = error(rates[0]);
  for (std::size_t i = 1; i < rates.size(); ++i) {
    const double candidate = error(rates[i]);
    if (candidate < best_error) {
      best = i;
      best_error = candidate;
    }
  }
  ScheduleFit fit{.rate = rates[best], .error = best_error};
  fit.at_limit = best == 0 || best + 1 == rates.size();
  if (!fit.at_limit) {
    const double refined = golden_section(error, rates[best - 1], rates[best + 1]);
    const double refined_error = error(refined);
    if (refined_error <= best_error) {
      fit.rate = refined;
      fit.error = refined_error;
    }
  }
  fit.explained = 1 - fit.error / error.constant_error();
  return fit;
}

}  // namespace sluice::spatial3d

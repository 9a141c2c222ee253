#include "kernels/cpu/cosine_distances.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/lower_gram.h"

namespace sluice::kernels {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
/// Squared lengths between which f32 products neither overflow nor lose what matters: at most
/// width · 4 · 2^-149 of it, which is less than 10^-8 for any width that fits into memory.
constexpr float least_square = 1e-30F;
constexpr float largest_square = 1e36F;

/// How far off an f32 distance can be: the product's error, at most gram_error · lengths; that of
/// the two lengths, half of their squares' each; a few roundings; and what underflow loses.
float slack_of(std::int64_t width) noexcept {
  return static_cast<float>(1.01 * (cpu::gram_error(width) + cpu::dot_error(width)) + 2e-6);
}

}  // namespace

CosineDistances::CosineDistances(Resources& resources, std::int64_t n, std::int64_t width,
                                 MaxMinWorkspace& workspace)
    : kernels_(&resources.rows()), workspace_(workspace), n_(n), width_(width) {
  workspace.exact.assign(static_cast<std::size_t>(n * n), unknown);
  workspace.square.assign(static_cast<std::size_t>(n), unknown);
  if (find_lengths(resources)) {
    slack_ = slack_of(width);
    lower_gram(resources, workspace.rows.data(), n, width, workspace.distance);
    find_distances();
  } else {
    slack_ = std::numeric_limits<float>::infinity();
    workspace.distance.assign(static_cast<std::size_t>(n * n), 0.0F);
  }
}

/// False if there are rows that f32 products can't tell the truth about.
bool CosineDistances::find_lengths(Resources& resources) {
  workspace_.unit.resize(static_cast<std::size_t>(n_));
  resources.pool().parallel_for(n_, [&](std::int64_t i, int) {
    const float* row = workspace_.rows.data() + i * width_;
    float dot = 0;
    float square_of_row = 0;
    kernels_->dot_and_square(row, row, DType::f32, width_, &dot, &square_of_row);
    const bool is_usual = square_of_row >= least_square && square_of_row <= largest_square;
    // A row of zeros is usual, too, but not one whose squares are too small for f32.
    const bool is_zero = square_of_row == 0 && square(i) == 0;
    float& unit = workspace_.unit[static_cast<std::size_t>(i)];
    unit = is_zero ? 0.0F : 1.0F / std::sqrt(square_of_row);
    if (!is_usual && !is_zero) unit = std::numeric_limits<float>::quiet_NaN();
  });
  return std::none_of(workspace_.unit.begin(), workspace_.unit.end(),
                      [](float unit) { return std::isnan(unit); });
}

/// From products below the diagonal to distances on both sides of it.
void CosineDistances::find_distances() noexcept {
  const float* unit = workspace_.unit.data();
  float* distance = workspace_.distance.data();
  for (std::int64_t i = 0; i < n_; ++i) {
    float* row = distance + i * n_;
    for (std::int64_t j = 0; j < i; ++j) row[j] = 1 - row[j] * unit[i] * unit[j];
    for (std::int64_t j = 0; j < i; ++j) distance[j * n_ + i] = row[j];
    row[i] = std::numeric_limits<float>::infinity();
  }
}

double CosineDistances::square(std::int64_t i) const noexcept {
  double& known = workspace_.square[static_cast<std::size_t>(i)];
  if (std::isnan(known)) {
    const float* row = workspace_.rows.data() + i * width_;
    known = kernels_->dot_f64(row, row, DType::f32, width_);
  }
  return known;
}

double CosineDistances::exact(std::int64_t i, std::int64_t j) const noexcept {
  const auto [low, high] = std::minmax(i, j);  // a pair has one value, whoever asks
  double& known = workspace_.exact[static_cast<std::size_t>(high * n_ + low)];
  if (std::isnan(known)) {
    const float* rows = workspace_.rows.data();
    // One root of the product rather than a product of roots: equal rows then have a cosine of
    // exactly 1.
    const double scale = std::sqrt(square(i) * square(j));
    const double dot =
        kernels_->dot_f64(rows + high * width_, rows + low * width_, DType::f32, width_);
    known = scale == 0 ? 1.0 : 1 - dot / scale;
  }
  return known;
}

}  // namespace sluice::kernels

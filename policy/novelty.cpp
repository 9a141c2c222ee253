#include "policy/novelty.h"

#include <algorithm>

namespace sluice::policy {
namespace {

/// Of the cells around `position`; the cell itself is none of its neighbours.
float most_around(const std::vector<float>& cells, const stream::Grid& grid,
                  std::int32_t position) noexcept {
  const std::int32_t row = position / grid.cols, col = position % grid.cols;
  float most = 0;
  for (std::int32_t r = std::max(row - 1, 0); r <= std::min(row + 1, grid.rows - 1); ++r)
    for (std::int32_t c = std::max(col - 1, 0); c <= std::min(col + 1, grid.cols - 1); ++c)
      if (r != row || c != col)
        most =
            std::max(most, cells[static_cast<std::size_t>(r) * static_cast<std::size_t>(grid.cols) +
                                 static_cast<std::size_t>(c)]);
  return most;
}

}  // namespace

void find_novelty(std::span<const float> change, double threshold, std::vector<float>& ordered,
                  std::span<float> novelty) {
  std::fill(novelty.begin(), novelty.end(), 0.0F);
  ordered.clear();
  for (const float value : change)
    if (value >= 0) ordered.push_back(value);
  if (ordered.empty()) return;
  const auto middle = ordered.begin() + std::ssize(ordered) / 2;
  std::nth_element(ordered.begin(), middle, ordered.end());
  for (std::size_t i = 0; i < change.size(); ++i) {
    const float beyond = change[i] - *middle;
    if (change[i] >= 0 && beyond > 0 && static_cast<double>(beyond) >= threshold)
      novelty[i] = beyond;
  }
}

void carry_attention(std::span<const float> novelty, const stream::Grid& grid,
                     std::span<const std::int32_t> position, std::vector<float>& cells,
                     std::span<float> score) {
  const std::size_t count =
      static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.cols);
  if (position.empty() || count > cells.capacity()) return;
  cells.assign(count, 0.0F);
  for (std::size_t i = 0; i < position.size(); ++i) {
    float& cell = cells[static_cast<std::size_t>(position[i])];
    cell = std::max(cell, score[i]);
  }
  for (std::size_t i = 0; i < position.size(); ++i)
    if (novelty[i] > 0)
      score[i] = std::max(score[i], novelty[i] * most_around(cells, grid, position[i]));
}

}  // namespace sluice::policy

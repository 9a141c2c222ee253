// Nearest-neighbour downsampling: the tokens in the middle of a coarser grid's cells.
#include <algorithm>
#include <cmath>

#include "policy/selectors/builders.h"
#include "policy/selectors/even_spacing.h"

namespace sluice::policy {
namespace {

/// The coarser grid of at most `cells` cells: its rows in proportion, then as many columns and
/// after that rows as fit. 16×16 and 64 → 8×8; 16×16 and 32 → 5×6.
stream::Grid coarser_grid(const stream::Grid& grid, std::int64_t cells) noexcept {
  const std::int64_t rows_there_are = grid.rows, cols_there_are = grid.cols;
  const double proportional =
      std::sqrt(static_cast<double>(cells) * static_cast<double>(rows_there_are) /
                static_cast<double>(cols_there_are));
  std::int64_t rows = std::clamp<std::int64_t>(static_cast<std::int64_t>(proportional), 1,
                                               std::min(rows_there_are, cells));
  const std::int64_t cols = std::min(cols_there_are, cells / rows);
  rows = std::min(rows_there_are, cells / cols);
  return {static_cast<std::int32_t>(rows), static_cast<std::int32_t>(cols)};
}

/// Whether `index` is the middle one of a cell, when `size` of them are divided into `cells`.
bool is_middle(std::int64_t index, std::int64_t cells, std::int64_t size) noexcept {
  const std::int64_t first_not_before = (2 * cells * index + size - 1) / (2 * size);
  return evenly_spaced(first_not_before, cells, size) == index;
}

class DownsampleSelector final : public Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "downsample"; }

 protected:
  /// Places that the coarser grid has no cells or no tokens for are spread evenly over the rows
  /// that are left. Without a grid, all are.
  stream::KeepReason choose(kernels::Resources&, const Candidates& candidates,
                            const Eligible& eligible, std::int64_t places,
                            std::vector<std::int32_t>& chosen) override {
    chosen.clear();
    rest_.clear();
    const stream::Grid grid = candidates.grid;
    const stream::Grid coarse =
        candidates.position.empty() ? stream::Grid{} : coarser_grid(grid, places);
    const auto is_sampled = [&](std::int32_t row) {
      if (candidates.position.empty()) return false;
      const std::int32_t position = candidates.position[static_cast<std::size_t>(row)];
      return is_middle(position / grid.cols, coarse.rows, grid.rows) &&
             is_middle(position % grid.cols, coarse.cols, grid.cols);
    };
    for (const std::int32_t row : eligible.rows) {
      // Several tokens may share a position, so that there are more of them than cells.
      const bool takes = std::ssize(chosen) < places && is_sampled(row);
      (takes ? chosen : rest_).push_back(row);
    }
    const std::int64_t left = places - std::ssize(chosen);
    for (std::int64_t i = 0; i < left; ++i)
      chosen.push_back(rest_[static_cast<std::size_t>(evenly_spaced(i, left, std::ssize(rest_)))]);
    return stream::KeepReason::coverage;
  }

  void reserve_scratch(std::int64_t n, std::int64_t) override {
    rest_.reserve(static_cast<std::size_t>(n));
  }

 private:
  std::vector<std::int32_t> rest_;
};

}  // namespace

std::unique_ptr<Selector> make_downsample_selector() {
  return std::make_unique<DownsampleSelector>();
}

}  // namespace sluice::policy

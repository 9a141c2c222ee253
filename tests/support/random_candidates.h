// Seeded tokens of one source at one tick, with everything a selector has to cope with: twins, zero
// and broken rows, ties, pinned rows, a history, a grid or none.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "policy/selector.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

/// Owns what `view` points at; don't move it.
struct RandomCandidates {
  std::vector<std::vector<double>> rows;
  kernels::Tensor features;
  std::vector<std::int64_t> key;
  std::vector<float> semantic, action, novelty, distinctness;
  std::vector<std::uint8_t> finite;
  std::vector<std::int32_t> pinned, unsent_for, position;
  stream::Grid grid;

  [[nodiscard]] std::int64_t size() const { return std::ssize(key); }
  [[nodiscard]] policy::Candidates view() const {
    return {.features = features.view(),
            .key = key,
            .semantic = semantic,
            .action = action,
            .finite = finite,
            .pinned = pinned,
            .unsent_for = unsent_for,
            .novelty = novelty,
            .distinctness = distinctness,
            .grid = grid,
            .position = position};
  }
};

inline void random_candidates(Random& random, std::int64_t most, RandomCandidates& made) {
  made = {};
  if (random.chance(0.7)) {
    made.grid = {static_cast<std::int32_t>(random.integer(1, 7)),
                 static_cast<std::int32_t>(random.integer(1, 7))};
    const double offered = random.chance(0.5) ? 1.0 : 0.7;  // the others were merged away, say
    for (std::int32_t p = 0; p < made.grid.rows * made.grid.cols; ++p)
      if (std::ssize(made.position) < most && random.chance(offered)) made.position.push_back(p);
  }
  const std::int64_t n =
      made.position.empty() ? random.integer(1, most) : std::ssize(made.position);
  if (made.position.empty()) made.grid = {};
  const std::int64_t width = random.integer(2, 16);
  // Twins that are not quite the same are the hardest to tell apart: their cosine distance of some
  // 1e-9 is lost in f32, and well within f64.
  auto values = random_clip(random, {1, n, width}, {.zero = 0.03, .twin = 0.3});
  for (std::int64_t i = 0; i < n; ++i)
    if (random.chance(0.2))
      for (std::int64_t d = 0; d < width; ++d)
        values[static_cast<std::size_t>(i * width + d)] *= 1.0F + 1e-4F * random.normal();
  const double broken = random.chance(0.3) ? random.uniform() : 0;
  const bool has_history = random.chance(0.7), has_sent = random.chance(0.7);
  const bool has_novelty = random.chance(0.7), has_distinctness = random.chance(0.7);
  for (std::int64_t i = 0; i < n; ++i) {
    float* row = values.data() + i * width;
    made.finite.push_back(random.chance(broken) ? 0 : 1);
    made.rows.emplace_back(row, row + width);
    if (made.finite.back() == 0) row[0] = std::numeric_limits<float>::quiet_NaN();
    made.key.push_back(3 * i);
    made.semantic.push_back(static_cast<float>(random.integer(0, 6)));  // few levels make ties
    if (has_history) made.action.push_back(static_cast<float>(random.integer(0, 6)));
    if (has_novelty)
      made.novelty.push_back(static_cast<float>(std::max<std::int64_t>(random.integer(-4, 3), 0)));
    if (has_distinctness) made.distinctness.push_back(static_cast<float>(random.integer(0, 6)));
    if (random.chance(0.05)) made.pinned.push_back(static_cast<std::int32_t>(i));
    if (has_sent) {
      const auto unsent = static_cast<std::int32_t>(random.integer(-1, 5));
      made.unsent_for.push_back(unsent == 0 ? 1 : unsent);
    }
  }
  made.features = kernels::Tensor::from<float>(values, {n, width});
}

}  // namespace sluice::test

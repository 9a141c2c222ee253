// What the gate gives to tokens that the highest scores would leave out, and how steady it is.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "kernels/rounding.h"
#include "spatial3d/gate_shares.h"
#include "spatial3d/spatial_gate.h"
#include "tests/spatial3d/voxel_tables.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;
using test::Point;
using test::VoxelSet;

constexpr float size = 0.03F;

/// Rows with scores of their own, without a gate around them.
class Rows {
 public:
  explicit Rows(std::uint64_t seed, std::size_t n = 500) {
    test::Random random(seed);
    std::set<VoxelKey> keys;
    while (keys.size() < n)
      keys.insert(kernels::pack({static_cast<std::int32_t>(random.integer(-40, 40)),
                                 static_cast<std::int32_t>(random.integer(-40, 40)),
                                 static_cast<std::int32_t>(random.integer(-3, 3))}));
    key.assign(keys.begin(), keys.end());
    for (std::size_t i = 0; i < n; ++i) {
      score.push_back(static_cast<float>(random.integer(0, 20)) / 20);  // many ties
      last_pts.push_back(random.chance(0.5) ? 100 : 10);
    }
    memory.resize(n);
  }

  /// As the gate does it: decides, then remembers who was sent.
  const std::vector<KeptBy>& choose(GateShares& shares, std::int64_t budget, double now = 100) {
    shares.choose(key, score, last_pts, now, budget, memory, kept);
    for (std::size_t row = 0; row < kept.size(); ++row) {
      memory[row].kept = kept[row] != KeptBy::nothing;
      if (memory[row].kept) memory[row].sent_pts = now;
    }
    return kept;
  }

  std::vector<VoxelKey> key;
  std::vector<float> score;
  std::vector<double> last_pts;
  std::vector<TokenMemory> memory;
  std::vector<KeptBy> kept;
};

SpatialGateOptions shares_of(double unseen, double coverage, double refresh) {
  SpatialGateOptions options;
  options.voxel_size = size;
  options.unseen_share = unseen;
  options.coverage_share = coverage;
  options.refresh_share = refresh;
  return options;
}

std::int64_t count(const std::vector<KeptBy>& kept, KeptBy by) {
  return std::count(kept.begin(), kept.end(), by);
}

TEST(GateShares, TokensOutOfViewGetTheirShareAndTheBestOfThemGetIt) {
  Rows rows(811);
  for (std::size_t i = 0; i < rows.key.size(); ++i)  // those in view score higher, all of them
    rows.score[i] = rows.score[i] / 2 + (rows.last_pts[i] > 50 ? 0.5F : 0);
  GateShares shares(shares_of(0.1, 0, 0));
  const auto& kept = rows.choose(shares, 125);
  std::int64_t out_of_view = 0;
  float worst_kept = 1, best_dropped = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (rows.last_pts[i] > 50) continue;
    out_of_view += kept[i] != KeptBy::nothing;
    if (kept[i] == KeptBy::unseen)
      worst_kept = std::min(worst_kept, rows.score[i]);
    else
      best_dropped = std::max(best_dropped, rows.score[i]);
  }
  EXPECT_EQ(out_of_view, kernels::round_half_even(0.1 * 125));
  EXPECT_GE(worst_kept, best_dropped);
}

TEST(GateShares, EveryRegionKeepsItsBest) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Rows rows(seed);
    const SpatialGateOptions options = shares_of(0, 0.2, 0);
    GateShares shares(options);
    const auto& kept = rows.choose(shares, 150);
    const std::int64_t most = kernels::round_half_even(0.2 * 150);
    // The finest doubling of the region's side for which the share is enough, counted naively.
    std::map<std::array<std::int32_t, 3>, std::pair<float, float>> regions;
    for (std::int32_t side = options.coverage_voxels;; side *= 2) {
      regions.clear();
      for (std::size_t i = 0; i < kept.size(); ++i) {
        const auto v = kernels::unpack(rows.key[i]);
        const auto cell = [side](std::int32_t c) {
          return (c + static_cast<std::int32_t>(kernels::voxel_axis_offset)) / side;
        };
        auto& [best, best_kept] =
            regions.try_emplace({cell(v.x), cell(v.y), cell(v.z)}, -1.0F, -2.0F).first->second;
        best = std::max(best, rows.score[i]);
        if (kept[i] != KeptBy::nothing) best_kept = std::max(best_kept, rows.score[i]);
      }
      if (static_cast<std::int64_t>(regions.size()) <= most) break;
    }
    for (const auto& [region, best] : regions) EXPECT_EQ(best.first, best.second);
    EXPECT_EQ(count(kept, KeptBy::coverage), static_cast<std::int64_t>(regions.size()));
    EXPECT_EQ(count(kept, KeptBy::score), 150 - static_cast<std::int64_t>(regions.size()));
  }
}

TEST(GateShares, EveryTokenGetsItsTurnAndKeepsItForAWhile) {
  Rows rows(812, 300);
  SpatialGateOptions options = shares_of(0, 0, 0.2);
  options.refresh_seconds = 2;
  GateShares shares(options);
  std::set<std::size_t> sent;
  std::map<std::size_t, int> stays;
  const double step = 0.1;
  // 60 tokens, 12 of them waiting ones, exchanged in 2 seconds: 252 waiting ones take 42 seconds.
  const int rounds = 440;
  for (int round = 0; round < rounds; ++round) {
    const auto& kept = rows.choose(shares, 60, step * round);
    ASSERT_EQ(count(kept, KeptBy::refresh), 12);
    ASSERT_EQ(count(kept, KeptBy::score), 48);
    for (std::size_t row = 0; row < kept.size(); ++row) {
      if (kept[row] != KeptBy::nothing) sent.insert(row);
      if (kept[row] == KeptBy::refresh) {
        ++stays[row];
      } else if (stays.contains(row)) {
        // The first ones start together and leave one by one; later ones stay 2 seconds.
        if (round > 40) {
          EXPECT_GE(stays[row], 15) << "row " << row << " round " << round;
        }
        stays.erase(row);
      }
    }
  }
  EXPECT_EQ(sent.size(), rows.key.size());
}

TEST(GateShares, PlacesForWaitingTokensArePassedOnEvenly) {
  Rows rows(813);
  SpatialGateOptions options = shares_of(0, 0, 0.1);
  options.refresh_seconds = 5;
  GateShares shares(options);
  auto before = rows.choose(shares, 200, 0);
  int exchanged = 0;
  for (int round = 1; round <= 50; ++round) {
    const auto kept = rows.choose(shares, 200, 0.1 * round);
    int gone = 0;
    for (std::size_t row = 0; row < kept.size(); ++row)
      gone += before[row] != KeptBy::nothing && kept[row] == KeptBy::nothing;
    EXPECT_LE(gone, 1);
    exchanged += gone;
    before = kept;
  }
  EXPECT_EQ(exchanged, 20);  // all of them, in the 5 seconds
}

TEST(GateShares, NothingIsExchangedWhileTimeStandsStill) {
  Rows rows(814);
  GateShares shares(shares_of(0.05, 0.1, 0.1));
  const auto first = rows.choose(shares, 200);
  for (int round = 0; round < 10; ++round) EXPECT_EQ(rows.choose(shares, 200), first);
}

TEST(GateShares, HavingHadATurnEarnsNoRightToStay) {
  SpatialGateOptions options = shares_of(0, 0, 0.1);
  options.refresh_seconds = 1e6;
  SpatialGate gate(options);
  GateDecision decision;
  VoxelSet voxels;  // lonely ones: how far they were seen from all sides is all that differs
  const auto add = [&](int i, float view_spread) {
    const Point p{0.9 * i, 0, 0};
    voxels[test::key_of(p, size)] = {.place = p, .view_spread = view_spread};
  };
  for (int i = 0; i < 40; ++i) add(i, 1 - 0.01F * static_cast<float>(i));
  gate.select(test::table_of(voxels), 10, decision);  // 9 by score, and the tenth by its turn
  ASSERT_EQ(decision.keep, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  add(40, 0.915F);  // better than the tenth, by less than the margin of those who stay
  gate.select(test::table_of(voxels), 11, decision);
  EXPECT_EQ(decision.keep.back(), 40);
  EXPECT_GT(decision.score[40], decision.score[9]);
  EXPECT_GT(decision.score[8], decision.score[40] + 0.05F);
}

/// A table with a box on it, measured with noise.
VoxelSet noisy_scene(test::Random& random, double pts) {
  VoxelSet voxels;
  const auto add = [&](double x, double y, double z) {
    const Point lattice{x, y, z};
    test::Voxel voxel{.place = lattice, .first_pts = 0, .last_pts = pts, .views = 20};
    for (double* c : {&voxel.place.x, &voxel.place.y, &voxel.place.z})
      *c += random.between(-0.003, 0.003);
    voxel.change = static_cast<float>(random.between(0, 0.05));
    voxels[test::key_of(lattice, size)] = voxel;
  };
  for (int i = 0; i < 30; ++i)
    for (int j = 0; j < 30; ++j) add(0.03 * i, 0.03 * j, 0);
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 5; ++j)
      for (int k = 1; k < 6; ++k) add(0.39 + 0.03 * i, 0.39 + 0.03 * j, 0.03 * k);
  return voxels;
}

TEST(GateStability, AStillSceneKeepsItsTokensDespiteNoise) {
  test::Random random(815);
  SpatialGateOptions options;
  options.voxel_size = size;
  SpatialGate gate(options);
  GateDecision decision;
  double worst = 0;
  for (int frame = 0; frame < 40; ++frame) {
    const auto table = test::table_of(noisy_scene(random, 0.1 * frame));
    gate.select(table, table.size() * 37 / 100, decision);
    if (frame >= 25) worst = std::max(worst, decision.turnover);  // the novelty is over
  }
  // What is left is the refresh share, passed on over ten seconds, and next to nothing.
  EXPECT_LE(worst, 0.02);
}

TEST(GateStability, WithoutHysteresisItWouldFlicker) {
  test::Random random(815);
  SpatialGateOptions options;
  options.voxel_size = size;
  options.hysteresis = 0;
  SpatialGate gate(options);
  GateDecision decision;
  double worst = 0;
  for (int frame = 0; frame < 40; ++frame) {
    const auto table = test::table_of(noisy_scene(random, 0.1 * frame));
    gate.select(table, table.size() * 37 / 100, decision);
    if (frame >= 25) worst = std::max(worst, decision.turnover);
  }
  EXPECT_GT(worst, 0.05);
}

TEST(GateStability, AMovingThingChangesLittleElsewhere) {
  test::Random random(816);
  SpatialGateOptions options;
  options.voxel_size = size;
  SpatialGate gate(options);
  GateDecision decision;
  std::int64_t moved = 0;
  double most = 0;
  for (int frame = 0; frame < 40; ++frame) {
    VoxelSet voxels = noisy_scene(random, 0.1 * frame);
    for (int i = 0; i < 3; ++i)  // a gripper of 3 × 3 × 3 voxels passes by
      for (int j = 0; j < 3; ++j)
        for (int k = 8; k < 11; ++k) {
          const Point p{0.03 * (i + frame / 2), 0.3 + 0.03 * j, 0.03 * k};
          voxels[test::key_of(p, size)] = {
              .place = p, .first_pts = 0.1 * frame, .last_pts = 0.1 * frame};
        }
    const auto table = test::table_of(voxels);
    gate.select(table, table.size() * 37 / 100, decision);
    if (frame < 25) continue;
    most = std::max(most, decision.turnover);
    for (std::size_t row = 0; row < table.key.size(); ++row)
      if (table.xyz[3 * row + 2] > 0.2F)
        moved += !std::binary_search(decision.keep.begin(), decision.keep.end(),
                                     static_cast<std::int32_t>(row));
  }
  EXPECT_LE(most, 0.05);
  EXPECT_EQ(moved, 0) << "the moving thing itself is always kept";
}

}  // namespace
}  // namespace sluice::spatial3d

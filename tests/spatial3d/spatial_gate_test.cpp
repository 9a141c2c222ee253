// The gate without attention: exact, the same every time, steady, and fair to what it would
// otherwise never show.
#include "spatial3d/spatial_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "kernels/error.h"
#include "kernels/rounding.h"
#include "stream/token_batch.h"
#include "tests/spatial3d/voxel_tables.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;
using test::Point;
using test::VoxelSet;

constexpr float size = 0.03F;

SpatialGateOptions defaults() {
  SpatialGateOptions options;
  options.voxel_size = size;
  return options;
}

/// Nothing but the scores decides.
SpatialGateOptions without_shares() {
  SpatialGateOptions options = defaults();
  options.unseen_share = options.coverage_share = options.refresh_share = 0;
  return options;
}

VoxelSet floor_of(int side, const Point& at = {}) {
  std::vector<Point> points;
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) points.push_back({at.x + 0.03 * i, at.y + 0.03 * j, at.z});
  return test::voxels_of(points, size);
}

void add_box(VoxelSet& voxels, const Point& at, int side = 3) {
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j)
      for (int k = 0; k < side; ++k) {
        const Point p{at.x + 0.03 * i, at.y + 0.03 * j, at.z + 0.03 * k};
        voxels[test::key_of(p, size)].place = p;
      }
}

/// Everything in the map was in view at `pts`.
void see_all(VoxelSet& voxels, double pts) {
  for (auto& [key, voxel] : voxels) {
    voxel.last_pts = pts;
    ++voxel.views;
  }
}

std::set<VoxelKey> keys_kept(const VoxelTable& table, const GateDecision& decision) {
  std::set<VoxelKey> keys;
  for (const auto row : decision.keep) keys.insert(table.key[static_cast<std::size_t>(row)]);
  return keys;
}

std::int64_t count(const GateDecision& decision, stream::KeepReason reason) {
  return std::count(decision.reason.begin(), decision.reason.end(),
                    static_cast<std::uint8_t>(reason));
}

/// A map that grows, shrinks and changes at random.
void disturb(test::Random& random, VoxelSet& voxels, double pts) {
  for (int i = 0; i < 25; ++i) {
    const Point p = test::random_point(random, 0.4);
    auto& voxel =
        voxels.try_emplace(test::key_of(p, size), test::Voxel{.place = p, .first_pts = pts})
            .first->second;
    voxel.place = p;
    voxel.last_pts = pts;
    ++voxel.views;
    voxel.change = static_cast<float>(random.between(0, 0.6));
    voxel.view_spread = static_cast<float>(random.uniform());
  }
  std::erase_if(voxels, [&](const auto&) { return random.chance(0.04); });
}

TEST(SpatialGate, KeepsExactlyTheBudgetAndAccountsForIt) {
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(test::cases(400)); ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    SpatialGateOptions options = defaults();
    options.unseen_share = random.chance(0.3) ? 0 : random.between(0, 0.3);
    options.coverage_share = random.chance(0.3) ? 0 : random.between(0, 0.3);
    options.refresh_share = random.chance(0.3) ? 0 : random.between(0, 0.4);
    options.refresh_seconds = random.between(0.1, 3);
    SpatialGate gate(options);
    VoxelSet voxels;
    std::set<VoxelKey> before;
    for (int frame = 0; frame < 15; ++frame) {
      disturb(random, voxels, 0.2 * frame);
      const VoxelTable table = test::table_of(voxels);
      const std::int64_t budget = random.integer(0, table.size() + 3);
      GateDecision decision;
      gate.select(table, budget, decision);
      ASSERT_EQ(static_cast<std::int64_t>(decision.keep.size()), std::min(budget, table.size()));
      ASSERT_EQ(decision.reason.size(), decision.keep.size());
      ASSERT_EQ(decision.score.size(), table.key.size());
      ASSERT_TRUE(std::is_sorted(decision.keep.begin(), decision.keep.end(), std::less_equal<>()));
      const auto now = keys_kept(table, decision);
      std::int64_t entered = 0, left = 0, vanished = 0;
      for (const auto key : now) entered += !before.contains(key);
      for (const auto key : before)
        if (!now.contains(key)) ++(voxels.contains(key) ? left : vanished);
      ASSERT_EQ(decision.entered, entered);
      ASSERT_EQ(decision.left, left);
      ASSERT_EQ(decision.vanished, vanished);
      const auto kept_before = static_cast<double>(before.size());
      ASSERT_EQ(decision.turnover, before.empty() ? 0 : static_cast<double>(left) / kept_before);
      if (decision.keep.size() == table.key.size()) {
        ASSERT_EQ(count(decision, stream::KeepReason::everything), table.size());
      }
      const std::vector<VoxelKey> sent(now.begin(), now.end());
      std::vector<float> attention;
      for (std::size_t i = 0; i < sent.size(); ++i)
        attention.push_back(static_cast<float>(random.uniform()));
      if (random.chance(0.5)) gate.feedback(sent, attention);
      before = now;
    }
  }
}

TEST(SpatialGate, DecidesTheSameEveryTimeAndAfterAReset) {
  SpatialGate first(defaults()), second(defaults());
  const auto play = [](SpatialGate& gate) {
    test::Random random(801);
    VoxelSet voxels;
    std::vector<GateDecision> decisions(20);
    for (int frame = 0; frame < 20; ++frame) {
      disturb(random, voxels, 0.3 * frame);
      const auto table = test::table_of(voxels);
      auto& decision = decisions[static_cast<std::size_t>(frame)];
      gate.select(table, table.size() / 3, decision);
      const auto kept = keys_kept(table, decision);
      const std::vector<VoxelKey> keys(kept.begin(), kept.end());
      std::vector<float> attention(keys.size());
      for (auto& value : attention) value = static_cast<float>(random.uniform());
      gate.feedback(keys, attention);
    }
    return decisions;
  };
  const auto reference = play(first);
  const auto again = play(second);
  first.reset();
  const auto after_reset = play(first);
  for (std::size_t frame = 0; frame < reference.size(); ++frame) {
    EXPECT_EQ(reference[frame].keep, again[frame].keep);
    EXPECT_EQ(reference[frame].reason, again[frame].reason);
    EXPECT_EQ(reference[frame].score, again[frame].score);
    EXPECT_EQ(reference[frame].keep, after_reset[frame].keep);
    EXPECT_EQ(reference[frame].left, after_reset[frame].left);
  }
}

TEST(SpatialGate, TiesGoToTheLowestKey) {
  VoxelSet lonely;  // so far apart that nothing tells them from each other
  for (int i = 0; i < 30; ++i) {
    const Point p{0.9 * i, 0, 0};
    lonely[test::key_of(p, size)].place = p;
  }
  SpatialGate gate(without_shares());
  GateDecision decision;
  gate.select(test::table_of(lonely), 7, decision);
  EXPECT_EQ(decision.keep, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(SpatialGate, PrefersThingsToFloors) {
  VoxelSet voxels = floor_of(40);
  VoxelSet box;
  add_box(box, {0.6, 0.6, 0.03}, 4);
  voxels.insert(box.begin(), box.end());
  for (auto& [key, voxel] : voxels) voxel.first_pts = -100;  // nothing is new
  const auto table = test::table_of(voxels);
  SpatialGate gate(defaults());
  GateDecision decision;
  gate.select(table, table.size() / 4, decision);
  const auto kept = keys_kept(table, decision);
  for (const auto& [key, voxel] : box) EXPECT_TRUE(kept.contains(key));
  EXPECT_GT(count(decision, stream::KeepReason::surface), 64);
}

TEST(SpatialGate, WhatIsNewOrChangesComesFirstAmongEquals) {
  VoxelSet voxels = floor_of(40);
  see_all(voxels, 10);
  const auto fresh = test::key_of({0.6, 0.6, 0}, size),
             changing = test::key_of({0.3, 0.6, 0}, size);
  voxels.at(fresh).first_pts = 10;
  voxels.at(changing).change = 0.5F;
  const auto table = test::table_of(voxels);
  SpatialGateOptions options = without_shares();
  options.elongation_weight = 0;  // the floor's rim
  SpatialGate gate(options);
  GateDecision decision;
  gate.select(table, 2, decision);
  EXPECT_EQ(keys_kept(table, decision), (std::set<VoxelKey>{fresh, changing}));
  EXPECT_EQ(count(decision, stream::KeepReason::novelty), 2);
}

TEST(SpatialGate, ForgivesNumbersThatAreNone) {
  VoxelSet voxels = floor_of(10);
  const auto broken = voxels.begin();
  broken->second.change = std::numeric_limits<float>::quiet_NaN();
  broken->second.view_spread = std::numeric_limits<float>::infinity();
  broken->second.place.x = std::numeric_limits<double>::quiet_NaN();
  SpatialGate gate(defaults());
  GateDecision decision;
  gate.select(test::table_of(voxels), 30, decision);
  EXPECT_EQ(decision.keep.size(), 30U);
  for (const float score : decision.score) EXPECT_TRUE(std::isfinite(score));
}

TEST(SpatialGate, RefusesBadInput) {
  SpatialGate gate(defaults());
  GateDecision decision;
  const VoxelTable good = test::table_of(floor_of(4));
  EXPECT_THROW(gate.select(good, -1, decision), Error);
  const auto refused = [&](auto change) {
    VoxelTable wrong = good;
    change(wrong);
    EXPECT_THROW(gate.select(wrong, 3, decision), Error);
  };
  refused([](auto& t) { t.xyz.pop_back(); });
  refused([](auto& t) { t.change.pop_back(); });
  refused([](auto& t) { t.last_pts.clear(); });
  refused([](auto& t) { std::swap(t.key[2], t.key[3]); });
  refused([](auto& t) { t.key[2] = t.key[3]; });
  gate.select(good, 3, decision);
  EXPECT_EQ(decision.keep.size(), 3U);
  gate.select({}, 3, decision);
  EXPECT_TRUE(decision.keep.empty());
  EXPECT_EQ(decision.vanished, 3);
}

TEST(SpatialGate, RefusesImpossibleOptions) {
  const auto refused = [](auto change) {
    SpatialGateOptions wrong = defaults();
    change(wrong);
    EXPECT_THROW(SpatialGate{wrong}, Error);
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  refused([](auto& o) { o.voxel_size = -1; });
  refused([](auto& o) { o.surface_weight = -0.1; });
  refused([](auto& o) { o.novelty_weight = nan; });
  refused([](auto& o) {
    o.surface_weight = o.relief_weight = o.elongation_weight = o.novelty_weight = 0;
    o.recency_weight = o.views_weight = o.spread_weight = 0;
  });
  refused([](auto& o) { o.relief_full = 0; });
  refused([](auto& o) { o.elongation_full = o.elongation_none; });
  refused([](auto& o) { o.novelty_seconds = 0; });
  refused([](auto& o) { o.attention_weight = 1.1; });
  refused([](auto& o) { o.attention_radius = -1; });
  refused([](auto& o) { o.memory_seconds = -1; });
  refused([](auto& o) { o.unseen_share = 0.5, o.coverage_share = 0.4, o.refresh_share = 0.2; });
  refused([](auto& o) { o.coverage_voxels = 0; });
  refused([](auto& o) { o.hysteresis = nan; });
  refused([](auto& o) { o.surface.near_radius = 0; });
}

}  // namespace
}  // namespace sluice::spatial3d

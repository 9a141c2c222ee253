// Attention that the model reports, where it does: it leads, spreads, fades and comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "kernels/error.h"
#include "spatial3d/gate_memory.h"
#include "spatial3d/spatial_gate.h"
#include "stream/token_batch.h"
#include "tests/spatial3d/voxel_tables.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;
using test::Point;
using test::VoxelSet;

constexpr float size = 0.03F;

SpatialGateOptions only_scores() {
  SpatialGateOptions options;
  options.voxel_size = size;
  options.unseen_share = options.coverage_share = options.refresh_share = 0;
  return options;
}

/// A floor with a box in one corner. The middle of the floor is nothing special by itself.
class Scene {
 public:
  Scene() {
    for (int i = 0; i < 40; ++i)
      for (int j = 0; j < 40; ++j) add({0.03 * i, 0.03 * j, 0});
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j)
        for (int k = 1; k < 5; ++k) add({0.15 + 0.03 * i, 0.15 + 0.03 * j, 0.03 * k});
  }

  void add(const Point& p) {
    voxels_[test::key_of(p, size)] = {.place = p, .first_pts = -100, .views = 10};
  }
  void remove(VoxelKey key) { voxels_.erase(key); }
  [[nodiscard]] static VoxelKey plain() { return test::key_of({0.75, 0.75, 0}, size); }
  [[nodiscard]] static VoxelKey beside() { return test::key_of({0.78, 0.75, 0}, size); }
  [[nodiscard]] static VoxelKey box() { return test::key_of({0.15, 0.15, 0.12}, size); }

  const GateDecision& decide(SpatialGate& gate, double pts, std::int64_t budget = 100) {
    for (auto& [key, voxel] : voxels_) voxel.last_pts = pts;
    table_ = test::table_of(voxels_);
    gate.select(table_, budget, decision_);
    return decision_;
  }
  [[nodiscard]] float score(VoxelKey key) const {
    const auto row = std::lower_bound(table_.key.begin(), table_.key.end(), key);
    return decision_.score[static_cast<std::size_t>(row - table_.key.begin())];
  }
  [[nodiscard]] std::set<VoxelKey> kept_by(stream::KeepReason reason) const {
    std::set<VoxelKey> keys;
    for (std::size_t i = 0; i < decision_.keep.size(); ++i)
      if (decision_.reason[i] == static_cast<std::uint8_t>(reason))
        keys.insert(table_.key[static_cast<std::size_t>(decision_.keep[i])]);
    return keys;
  }
  [[nodiscard]] bool kept(VoxelKey key) const {
    return std::any_of(decision_.keep.begin(), decision_.keep.end(),
                       [&](auto row) { return table_.key[static_cast<std::size_t>(row)] == key; });
  }

 private:
  VoxelSet voxels_;
  VoxelTable table_;
  GateDecision decision_;
};

/// The model looks at `favourite` and, equally little, at some others.
void look_at(SpatialGate& gate, VoxelKey favourite, float scale = 1) {
  std::vector<VoxelKey> keys{favourite, Scene::box()};
  std::vector<float> attention{0.5F * scale, 0};
  for (int i = 0; i < 20; ++i) {
    keys.push_back(test::key_of({0.03 * i, 0, 0}, size));
    attention.push_back(0.01F * scale);
  }
  gate.feedback(keys, attention);
}

TEST(GateAttention, LeadsWhereThereIsSome) {
  SpatialGate gate(only_scores());
  Scene scene;
  scene.decide(gate, 0);
  EXPECT_FALSE(scene.kept(Scene::plain()));
  EXPECT_TRUE(scene.kept(Scene::box()));
  look_at(gate, Scene::plain());
  scene.decide(gate, 0.1);
  EXPECT_TRUE(scene.kept(Scene::plain()));
  EXPECT_TRUE(scene.kept_by(stream::KeepReason::attention).contains(Scene::plain()));
  EXPECT_FALSE(scene.kept(Scene::box())) << "was sent, and the model did not care";
}

TEST(GateAttention, SpreadsToTheVoxelsAround) {
  Scene scene;
  SpatialGate gate(only_scores());
  scene.decide(gate, 0);
  const float unknown = scene.score(Scene::beside());
  look_at(gate, Scene::plain());
  scene.decide(gate, 0.1);
  EXPECT_GT(scene.score(Scene::beside()), unknown + 0.2F);
  EXPECT_LT(scene.score(Scene::beside()), scene.score(Scene::plain()) - 0.2F);

  SpatialGateOptions alone = only_scores();
  alone.attention_radius = 0;
  SpatialGate other(alone);
  scene.decide(other, 0);
  look_at(other, Scene::plain());
  scene.decide(other, 0.1);
  EXPECT_NEAR(scene.score(Scene::beside()), unknown, 0.01F);
}

TEST(GateAttention, FadesButIsNotTakenForZero) {
  SpatialGateOptions options = only_scores();
  options.hysteresis = 0;
  Scene scene;
  SpatialGate gate(options);
  scene.decide(gate, 0);
  const float unknown = scene.score(Scene::plain());
  look_at(gate, Scene::plain());
  float before = 2;
  for (const double pts : {1, 2, 5, 10, 60, 600}) {
    scene.decide(gate, pts);
    const float score = scene.score(Scene::plain());
    EXPECT_LT(score, before);
    EXPECT_GT(score, unknown) << "not being reported is no evidence against it";
    before = score;
  }
  EXPECT_LT(before, unknown + 0.015F);
}

TEST(GateAttention, WhatIsIgnoredRecoversInTime) {
  Scene scene;
  SpatialGate gate(only_scores());
  scene.decide(gate, 0);
  const float unknown = scene.score(Scene::box());
  look_at(gate, Scene::plain());
  scene.decide(gate, 0.1);
  EXPECT_LT(scene.score(Scene::box()), unknown - 0.05F);
  scene.decide(gate, 1000);
  EXPECT_NEAR(scene.score(Scene::box()), unknown, 0.02F);
}

TEST(GateAttention, ItsScaleDoesNotMatterNorDoSinks) {
  const auto score = [](float scale, float sink) {
    Scene scene;
    SpatialGate gate(only_scores());
    scene.decide(gate, 0);
    std::vector<VoxelKey> keys;
    std::vector<float> attention;
    for (int i = 0; i < 40; ++i)
      for (int j = 0; j < 5; ++j) {
        keys.push_back(test::key_of({0.03 * i, 0.6 + 0.03 * j, 0}, size));
        attention.push_back(scale * 0.01F * static_cast<float>(1 + (i + j) % 7));
      }
    attention[17] = sink * scale;
    gate.feedback(keys, attention);
    scene.decide(gate, 0.1);
    return scene.score(keys[80]);
  };
  const float reference = score(1, 1);
  EXPECT_NEAR(score(1000, 1), reference, 1e-6F);
  EXPECT_NEAR(score(1e-6F, 1), reference, 1e-6F);
  EXPECT_NEAR(score(1, 1000), reference, 1e-6F);
}

TEST(GateAttention, IsSmoothed) {
  SpatialGateOptions options = only_scores();
  options.attention_seconds = 1e9;
  const auto after = [&](double gain) {
    options.attention_gain = gain;
    Scene scene;
    SpatialGate gate(options);
    scene.decide(gate, 0);
    look_at(gate, Scene::plain());
    look_at(gate, Scene::box());
    // Twenty tokens with little attention and the one that was looked at before, with none.
    gate.feedback(std::array{Scene::plain(), Scene::box()}, std::array{0.0F, 0.5F});
    scene.decide(gate, 0.1);
    return scene.score(Scene::plain());
  };
  EXPECT_GT(after(0.1), after(0.5));
  EXPECT_GT(after(0.5), after(1.0));
}

TEST(GateAttention, SurvivesAShortAbsence) {
  SpatialGateOptions options = only_scores();
  options.memory_seconds = 5;
  for (const double away : {2.0, 20.0}) {
    Scene scene;
    SpatialGate gate(options);
    scene.decide(gate, 0);
    const float unknown = scene.score(Scene::plain());
    look_at(gate, Scene::plain());
    scene.remove(Scene::plain());
    scene.decide(gate, 0.5);
    scene.decide(gate, 0.5 + away);  // still gone; forgotten if that is too long
    scene.add({0.75, 0.75, 0});
    scene.decide(gate, 1 + away);
    // The voxels around it are not attended: what it has is its own.
    if (away < 5)
      EXPECT_GT(scene.score(Scene::plain()), unknown + 0.1F);
    else
      EXPECT_NEAR(scene.score(Scene::plain()), unknown, 0.01F);
  }
}

TEST(GateAttention, KeysThatAreUnknownAndReportsThatSayNothingChangeNothing) {
  Scene scene, reference;
  SpatialGate gate(only_scores()), untouched(only_scores());
  gate.feedback(std::array{Scene::plain()}, std::array{1.0F});  // before there is any token
  scene.decide(gate, 0);
  reference.decide(untouched, 0);
  gate.feedback(std::array{test::key_of({50, 50, 50}, size)}, std::array{1.0F});
  gate.feedback(std::array{Scene::plain(), Scene::box()}, std::array{0.0F, 0.0F});
  gate.feedback({}, {});
  EXPECT_EQ(scene.decide(gate, 1).score, reference.decide(untouched, 1).score);
}

TEST(GateAttention, BadReportsAreRefusedAsAWhole) {
  Scene scene, reference;
  SpatialGate gate(only_scores()), untouched(only_scores());
  scene.decide(gate, 0);
  reference.decide(untouched, 0);
  const std::array keys{Scene::plain(), Scene::box()};
  constexpr float inf = std::numeric_limits<float>::infinity();
  EXPECT_THROW(gate.feedback(keys, std::array{1.0F}), Error);
  EXPECT_THROW(gate.feedback(keys, std::array{1.0F, -0.1F}), Error);
  EXPECT_THROW(gate.feedback(keys, std::array{1.0F, inf}), Error);
  EXPECT_THROW(gate.feedback(keys, std::array{1.0F, std::nanf("")}), Error);
  EXPECT_EQ(scene.decide(gate, 1).score, reference.decide(untouched, 1).score);
}

TEST(GateAttention, WaitingTokensGetTheirTurnDespiteIt) {
  SpatialGateOptions options = only_scores();
  options.refresh_share = 0.1;
  options.refresh_seconds = 1;
  SpatialGate gate(options);
  Scene scene;
  std::set<VoxelKey> refreshed;
  for (int frame = 0; frame < 200; ++frame) {
    scene.decide(gate, 0.1 * frame);
    look_at(gate, Scene::plain());
    for (const auto key : scene.kept_by(stream::KeepReason::refresh)) refreshed.insert(key);
  }
  // 10 places, all of them passed on every second, for 20 seconds.
  EXPECT_GE(refreshed.size(), 190U);
}

TEST(GateMemory, FollowsItsKeysAndForgetsInTime) {
  GateMemory memory;
  const std::vector<VoxelKey> three{10, 20, 30}, two{10, 25}, back{10, 20, 25, 30};
  EXPECT_EQ(memory.align(three, 0, 5), 0);
  memory.attend(three, std::array{1.0F, 2.0F, 3.0F}, 1, 0);
  for (auto& row : memory.rows()) row.kept = true;
  EXPECT_EQ(memory.align(two, 1, 5), 2);
  EXPECT_TRUE(memory.rows()[0].kept);
  EXPECT_FALSE(memory.rows()[1].has_attention());
  memory.attend(std::array<VoxelKey, 2>{20, 25}, std::array{4.0F, 4.0F}, 1, 0);  // one of them away
  EXPECT_EQ(memory.align(back, 6, 5), 0);
  EXPECT_EQ(memory.rows()[0].attention, 1.0 / 3);  // 1 / (1 + the mean, 2)
  EXPECT_EQ(memory.rows()[1].attention, 0.5);
  EXPECT_EQ(memory.rows()[3].attention, 3.0 / 5);
  EXPECT_FALSE(memory.rows()[1].kept);
  EXPECT_EQ(memory.align({}, 7, 5), 1);
  EXPECT_EQ(memory.align({}, 13, 5), 0);
  EXPECT_EQ(memory.align(back, 14, 5), 0);
  for (const auto& row : memory.rows()) EXPECT_FALSE(row.has_attention());
}

}  // namespace
}  // namespace sluice::spatial3d

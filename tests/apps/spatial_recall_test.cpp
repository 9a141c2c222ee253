// Of the sample's things, how many survive the gate: measured frame by frame on held-out seeds,
// from geometry alone. docs/spatial_gate.md explains the measures and lists the numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "apps/sample/scene.h"
#include "kernels/point_sampling.h"
#include "kernels/rounding.h"
#include "spatial3d/spatial_reducer.h"
#include "tests/apps/voxel_truth.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

constexpr float voxel_size = 0.03F;
constexpr double promised_retain = 0.37;
constexpr std::uint64_t first_held_out_seed = 101;  // weights were chosen on seeds 1 to 10
constexpr stream::Grid grid{24, 24};

bool is_thing(sample::Role role) {
  return role != sample::Role::background && role != sample::Role::furniture;
}

/// Counts (frame, thing) pairs: a thing is counted where at least 3 voxels are truly on it.
struct Recall {
  std::int64_t things = 0, with_half = 0, with_any = 0;
  std::int64_t tokens = 0, tokens_kept = 0;

  void count(const sample::SampleScene& scene, const std::vector<std::uint8_t>& object_of_row,
             const std::vector<std::int32_t>& keep) {
    std::map<int, std::int64_t> all, kept;
    for (const auto object : object_of_row) ++all[object];
    for (const auto row : keep) ++kept[object_of_row[static_cast<std::size_t>(row)]];
    for (const auto& object : scene.objects()) {
      if (!is_thing(object.role) || all[object.id] < 3) continue;
      ++things;
      with_half += 2 * kept[object.id] >= all[object.id];
      with_any += kept[object.id] > 0;
      tokens += all[object.id];
      tokens_kept += kept[object.id];
    }
  }
  [[nodiscard]] double half() const { return ratio(with_half, things); }
  [[nodiscard]] double any() const { return ratio(with_any, things); }
  [[nodiscard]] double token() const { return ratio(tokens_kept, tokens); }
  void print(const char* name) const {
    std::printf("[ %-9s ] things with half their tokens %.4f, with any %.4f; their tokens %.4f\n",
                name, half(), any(), token());
  }

  static double ratio(std::int64_t part, std::int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  }
};

/// Noise as depth cameras have it, growing with the square of depth.
class DepthNoise {
 public:
  DepthNoise(std::uint64_t seed, double at_one_metre) : random_(seed), tile_(1 << 16) {
    for (float& value : tile_) value = static_cast<float>(at_one_metre) * random_.normal();
  }
  void add(std::span<float> depth) {
    auto i = static_cast<std::size_t>(random_.integer(0, 1 << 16));
    for (float& d : depth) d += tile_[i++ % tile_.size()] * d * d;
  }

 private:
  test::Random random_;
  std::vector<float> tile_;
};

/// A sample played through the whole engine: back-projection, map and gate.
class SamplePlayer {
 public:
  explicit SamplePlayer(std::uint64_t seed, double retain, double depth_noise = 0)
      : scene_(seed, {.threads = 2}), retain_(retain), noise_(seed, depth_noise) {}

  /// visit(reducer, update, object of every row, rendered frame), for 3 frames a second.
  template <typename Visit>
  void play(Visit&& visit) {
    kernels::Resources resources(1);
    stream::Source source;
    source.grid_rows = grid.rows;
    source.grid_cols = grid.cols;
    source.image_width = scene_.options().width;
    source.image_height = scene_.options().height;
    source.feature_width = 1;
    spatial3d::SpatialReducerOptions options;
    options.map.voxel_size = voxel_size;
    options.retain = retain_;
    spatial3d::SpatialReducer reducer(resources, source, options);
    test::VoxelTruth truth(static_cast<double>(voxel_size));
    spatial3d::SpatialUpdate update;
    std::int64_t index = 0;
    for (const auto frame : sample::sampled_frames(scene_, 3)) {
      const auto rendered = scene_.render_geometry(frame);
      reducer.push(spatial_frame(rendered, index++), update);
      truth.observe(rendered, reducer.places(), update.changes);
      visit(reducer, update, truth.objects(reducer.table(), rendered), rendered);
    }
  }

  [[nodiscard]] const sample::SampleScene& scene() const { return scene_; }

 private:
  /// All features are alike: nothing but geometry tells the patches apart.
  stream::SpatialFrame spatial_frame(const sample::RenderedFrame& rendered, std::int64_t index) {
    stream::SpatialFrame frame;
    frame.index = index;
    frame.pts = rendered.pts;
    frame.pose = rendered.camera_to_world;
    frame.intrinsics = rendered.intrinsics;
    frame.features = kernels::Tensor(kernels::DType::f32, {grid.rows * grid.cols, 1});
    std::ranges::fill(frame.features.as<float>(), 1.0F);
    frame.depth = kernels::Tensor(kernels::DType::f32, {rendered.height, rendered.width});
    std::ranges::copy(rendered.depth_m, frame.depth.as<float>().begin());
    noise_.add(frame.depth.as<float>());
    return frame;
  }

  sample::SampleScene scene_;
  double retain_;
  DepthNoise noise_;
};

double mean(double sum, std::int64_t count) {
  return sum / static_cast<double>(count);
}

std::int64_t held_out_seeds() {
  return test::cases(20, 10);
}

class SpatialRecall : public ::testing::TestWithParam<double> {};

/// Promised: at 37 % of the voxel tokens, 95 % of the things keep at least half of theirs; and so
/// do 95 % of all their tokens.
TEST_P(SpatialRecall, ThingsSurviveOnHeldOutSeeds) {
  Recall gate, uniform, farthest;
  double turnover = 0, worst_turnover = 0;
  std::int64_t exchanges = 0, placed = 0, voxels = 0;
  kernels::Resources resources(1);
  for (std::int64_t i = 0; i < held_out_seeds(); ++i) {
    const std::uint64_t seed = first_held_out_seed + static_cast<std::uint64_t>(i);
    SCOPED_TRACE(seed);
    SamplePlayer player(seed, promised_retain, GetParam());
    std::int64_t voxels_at_end = 0;
    player.play([&](auto& reducer, const auto& update, const auto& objects, const auto&) {
      const auto& table = reducer.table();
      const auto budget =
          kernels::round_half_even(promised_retain * static_cast<double>(table.size()));
      ASSERT_EQ(static_cast<std::int64_t>(update.decision.keep.size()), budget);
      gate.count(player.scene(), objects, update.decision.keep);
      std::vector<std::int32_t> keep;
      kernels::seeded_sample(table.size(), budget, seed, keep);
      uniform.count(player.scene(), objects, keep);
      kernels::farthest_points(resources, table.xyz, budget, keep);
      farthest.count(player.scene(), objects, keep);
      placed += update.placed;
      voxels_at_end = update.voxels;
      if (update.frame == 0) return;
      turnover += update.decision.turnover;
      worst_turnover = std::max(worst_turnover, update.decision.turnover);
      ++exchanges;
    });
    voxels += voxels_at_end;
  }
  gate.print("gate");
  uniform.print("uniform");
  farthest.print("farthest");
  std::printf("[ turnover  ] %.4f per frame, %.4f at most\n", mean(turnover, exchanges),
              worst_turnover);
  std::printf("[ surfaces  ] %.4f of the placed patches showed what was in the map already\n",
              1 - Recall::ratio(voxels, placed));
  EXPECT_GE(gate.half(), 0.95);
  EXPECT_GE(gate.token(), 0.95);
  EXPECT_GE(gate.half(), uniform.half() + 0.3);
  EXPECT_GE(gate.half(), farthest.half() + 0.3);
  EXPECT_LE(mean(turnover, exchanges), 0.05);
}

INSTANTIATE_TEST_SUITE_P(DepthNoise, SpatialRecall, ::testing::Values(0.0, 0.003),
                         [](const auto& at_one_metre) {
                           return at_one_metre.param == 0 ? "None" : "ThreeMillimetres";
                         });

/// The first shot has a camera that stands still: after two seconds nothing is new any more, and
/// one thing slides slowly until the gripper comes.
TEST(SpatialTurnover, IsNextToNothingWhereLittleMoves) {
  SamplePlayer player(first_held_out_seed, promised_retain, 0.003);
  const auto& overview = player.scene().shots().front();
  const auto reach = std::ranges::find_if(player.scene().events(),
                                          [](const auto& event) { return event.name == "reach"; });
  double worst = 0;
  std::int64_t looked_at = 0;
  player.play([&](auto&, const auto& update, const auto&, const auto& rendered) {
    if (update.pts < 1 || rendered.index > overview.last || rendered.index >= reach->frame) return;
    worst = std::max(worst, update.decision.turnover);
    ++looked_at;
  });
  EXPECT_GT(looked_at, 0);
  EXPECT_LE(worst, 0.03);
}

/// A model that looks at the target, the gripper and the goal, with noise, gets to see more of
/// them.
TEST(SpatialAttention, FeedbackBringsWhatTheModelLooksAt) {
  const auto share_kept = [](bool with_feedback) {
    std::int64_t wanted = 0, kept = 0;
    SamplePlayer player(first_held_out_seed, 0.10);
    const auto is_wanted = [&](std::uint8_t id) {
      if (id == 0) return false;
      const auto role = player.scene().objects()[id - 1U].role;
      return role == sample::Role::target || role == sample::Role::gripper ||
             role == sample::Role::goal;
    };
    test::Random random(1);
    player.play([&](auto& reducer, const auto& update, const auto& objects, const auto&) {
      std::vector<kernels::VoxelKey> keys;
      std::vector<float> attention;
      for (const auto row : update.decision.keep) {
        const bool looked_at = is_wanted(objects[static_cast<std::size_t>(row)]);
        kept += looked_at;
        keys.push_back(reducer.table().key[static_cast<std::size_t>(row)]);
        attention.push_back(static_cast<float>((looked_at ? 1 : 0.05) * random.between(0.5, 1.5)));
      }
      wanted += std::ranges::count_if(objects, is_wanted);
      if (with_feedback) reducer.feedback(keys, attention);
    });
    return Recall::ratio(kept, wanted);
  };
  const double without = share_kept(false), with = share_kept(true);
  std::printf("[ attention ] at 10 %%, %.4f of what the model looks at; without feedback %.4f\n",
              with, without);
  EXPECT_GE(with, without + 0.15);
}

}  // namespace
}  // namespace sluice

// From the inputs of a loop to packets: sources, episodes, memory and voxels in a tick.
#include "apps/loop/loop_engine.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/random_ticks.h"

namespace sluice {
namespace {

using apps::InputShape;
using apps::InputTokens;
using policy::TickStatus;

apps::LoopInputConfig input_named(const char* id) {
  apps::LoopInputConfig input;
  input.source.id = id;
  return input;
}

/// A camera with memory, and one with voxels.
apps::LoopConfig two_inputs(std::int64_t tokens) {
  apps::LoopConfig config;
  config.engine.stream = "arm";
  config.engine.budget.tokens = tokens;
  config.inputs = {input_named("front"), input_named("wrist")};
  config.inputs[0].memory.emplace().memory.tokens = 20;
  config.inputs[1].voxels.emplace().spatial.budget = 30;
  return config;
}

const std::array<InputShape, 2> shapes{
    InputShape{.rows = 36, .width = 8, .has_memory = true, .has_voxels = false},
    InputShape{.rows = 16, .width = 8, .has_memory = false, .has_voxels = true}};

stream::TokenBatch without_grid(stream::TokenBatch batch) {
  batch.source.grid_rows = batch.source.grid_cols = 0;
  batch.position.clear();
  return batch;
}

struct Inputs {
  explicit Inputs(test::Random& random) {
    front.frame = wrist.frame = 0;
    front.camera = test::camera_tokens(random, "front", 6, 6, 8);
    front.memory = test::camera_tokens(random, "front.memory", 4, 5, 8);
    wrist.camera = test::camera_tokens(random, "wrist", 4, 4, 8);
    wrist.voxels = without_grid(test::camera_tokens(random, "wrist.voxels", 5, 6, 8));
  }
  InputTokens front, wrist;
};

class LoopEngineTest : public testing::Test {
 protected:
  TickStatus tick(std::int64_t number, const InputTokens* front, const InputTokens* wrist) {
    const std::array<const InputTokens*, 2> offered{front, wrist};
    return engine.tick({number, 0.1 * static_cast<double>(number), 10}, offered, packet);
  }

  test::Random random{11};
  kernels::Resources resources{1};
  Inputs inputs{random};
  apps::LoopEngine engine{resources, two_inputs(24), shapes};
  stream::Packet packet;
};

TEST_F(LoopEngineTest, SharesOneBudgetOverCamerasMemoryAndVoxels) {
  const std::vector<std::string> expected{"front", "front.memory", "wrist", "wrist.voxels"};
  EXPECT_EQ(engine.sources(), expected);
  ASSERT_EQ(tick(0, &inputs.front, &inputs.wrist), TickStatus::ok) << engine.problem();
  EXPECT_EQ(packet.kept, 24);
  EXPECT_EQ(packet.available, 36 + 20 + 16 + 30);
  ASSERT_EQ(packet.batches.size(), 4U);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(packet.batches[i].source.id, expected[i]);
    EXPECT_GT(packet.batches[i].size(), 0) << expected[i];
  }
  EXPECT_EQ(packet.settings_hash, engine.settings_hash());
}

TEST_F(LoopEngineTest, AnInputWithoutTokensGetsNone) {
  ASSERT_EQ(tick(0, &inputs.front, nullptr), TickStatus::ok) << engine.problem();
  EXPECT_EQ(packet.kept, 24);
  EXPECT_EQ(packet.batches[2].size() + packet.batches[3].size(), 0);
  ASSERT_EQ(tick(1, nullptr, nullptr), TickStatus::no_tokens) << engine.problem();
  EXPECT_EQ(packet.kept, 0);
}

TEST_F(LoopEngineTest, EmptyMemoryIsNotOffered) {
  inputs.front.memory = {};
  ASSERT_EQ(tick(0, &inputs.front, nullptr), TickStatus::ok) << engine.problem();
  EXPECT_EQ(packet.available, 36);
}

TEST_F(LoopEngineTest, ALaterEpisodeOfAnInputBeginsOne) {
  ASSERT_EQ(tick(5, &inputs.front, &inputs.wrist), TickStatus::ok);
  const auto late = test::feedback_on(packet, [](const auto&, auto) { return 0.1F; });
  inputs.wrist.episode = 3;
  ASSERT_EQ(tick(6, &inputs.front, &inputs.wrist), TickStatus::ok) << engine.problem();
  EXPECT_EQ(engine.episode(), 3);
  EXPECT_EQ(packet.episode, 3);
  EXPECT_EQ(engine.feedback(late), policy::FeedbackFate::other_episode);
}

TEST_F(LoopEngineTest, TheInputsOwnSemanticScoreIsUsed) {
  inputs.front.semantic.assign(36, 0.0F);
  for (const std::size_t row : {7U, 8U, 9U}) inputs.front.semantic[row] = 1;
  ASSERT_EQ(tick(0, &inputs.front, nullptr), TickStatus::ok) << engine.problem();
  const auto& keys = packet.batches[0].key;
  for (const std::int64_t key : {7, 8, 9}) EXPECT_EQ(std::ranges::count(keys, key), 1) << key;
}

TEST_F(LoopEngineTest, DecisionsAreHashedByWhatWasKept) {
  ASSERT_EQ(tick(0, &inputs.front, &inputs.wrist), TickStatus::ok);
  const std::uint64_t hash = apps::decision_hash(packet);
  packet.sent_unix_ns = 12345;
  EXPECT_EQ(apps::decision_hash(packet), hash);
  packet.batches[1].key.back() += 1;
  EXPECT_NE(apps::decision_hash(packet), hash);
}

}  // namespace
}  // namespace sluice

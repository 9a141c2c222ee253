// Promise 7: after warm-up, a tick and the feedback on it don't go to the heap.
#include <gtest/gtest.h>

#include <array>

#include "policy/tick_engine.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/random_ticks.h"

namespace sluice {
namespace {

using policy::TickStatus;

constexpr std::int64_t warm_up = 20;
constexpr std::array<const char*, 3> names = {"front", "wrist", "voxels"};

policy::TickEngineOptions options_with(const char* controller) {
  policy::TickEngineOptions options;
  options.budget.controller = controller;
  options.budget.tokens = 40;
  options.budget.least = 8;
  for (const auto* name : names)
    options.sources.push_back({.id = name, .max_rows = 64, .max_width = 32});
  return options;
}

/// Voxels come and go, and their number changes; one camera stutters, one changes its size.
struct Scene {
  explicit Scene(test::Random& random) {
    for (std::int32_t frame = 0; frame < 4; ++frame) {
      front.push_back(test::camera_tokens(random, names[0], 8, 8, 32, frame));
      wrist.push_back(
          test::camera_tokens(random, names[1], 6, 4 + frame % 2, 16, frame, kernels::DType::bf16));
      auto& batch = voxels.emplace_back(test::camera_tokens(random, names[2], 5, 4 + frame, 24));
      batch.source.grid_rows = batch.source.grid_cols = 0;
      batch.position.clear();
    }
  }

  /// The views of a tick. Allocates nothing.
  std::array<policy::TickSource, 3> at(std::int64_t tick) {
    const auto frame = static_cast<std::size_t>(tick % 4);
    for (auto& key : voxels[frame].key) key += 7;  // new places all the time
    std::array<policy::TickSource, 3> sources{};
    sources[0].tokens = &front[frame];
    if (tick % 3 != 0) sources[1].tokens = &wrist[frame];
    sources[2].tokens = &voxels[frame];
    sources[0].pinned = pinned;
    return sources;
  }

  std::vector<stream::TokenBatch> front, wrist, voxels;
  std::vector<std::int32_t> pinned{5, 6};
};

/// Fills `feedback` without going to the heap once it has grown.
void answer(const stream::Packet& packet, stream::Feedback& feedback) {
  feedback.stream = packet.stream;
  feedback.tick = *packet.tick;
  feedback.sources.resize(packet.batches.size());
  for (std::size_t i = 0; i < packet.batches.size(); ++i) {
    auto& of_source = feedback.sources[i];
    of_source.source = packet.batches[i].source.id;
    for (auto* attention : {&of_source.semantic_attention, &of_source.action_attention}) {
      attention->reserve(64);
      attention->clear();
      for (const auto key : packet.batches[i].key)
        attention->push_back(static_cast<float>(key % 11) / 11);
    }
  }
  feedback.model_latency_ms = 5 + 0.1 * static_cast<double>(packet.kept);
  for (auto& value : feedback.action.as<float>()) value = static_cast<float>(*packet.tick % 7) / 7;
}

class Promise7NoSurpriseInTheLoop : public testing::TestWithParam<std::string_view> {};

TEST_P(Promise7NoSurpriseInTheLoop, TicksAllocateNothingAfterWarmUp) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(961);
  kernels::Resources resources(1);
  Scene scene(random);
  stream::Packet packet;
  stream::Feedback feedback;
  feedback.action.reshape(kernels::DType::f32, {1, 7});
  policy::TickEngine engine(resources, options_with(GetParam().data()));

  // Tensors have an allocator of their own: theirs must stay where they are.
  const auto tensors = [&packet] {
    std::array<const void*, 3> memory{};
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = packet.batches[i].features.data();
    return memory;
  };
  std::array<const void*, 3> at_first{};
  std::int64_t before = 0, kept = 0;
  for (std::int64_t tick = 0; tick < warm_up + 10'000; ++tick) {
    if (tick == warm_up) before = test::allocations();
    const auto sources = scene.at(tick);
    const auto status = engine.step({tick, 0.05 * static_cast<double>(tick), sources},
                                    std::chrono::milliseconds(9), packet);
    ASSERT_EQ(status, TickStatus::ok) << engine.problem();
    kept += packet.kept;
    if (tick < warm_up) at_first = tensors();
    ASSERT_EQ(tensors(), at_first) << tick;
    if (tick % 5 == 4) continue;  // not every packet is answered
    answer(packet, feedback);
    ASSERT_EQ(engine.feedback(feedback), policy::FeedbackFate::applied);
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(kept, 0);
}

TEST(Promise7ErrorsInTheLoop, AreAStatus) {
  kernels::Resources resources(1);
  policy::TickEngine engine(resources, options_with("fixed"));
  stream::TokenBatch wrong;
  wrong.source.id = names[0];
  wrong.key = {1, 2, 3};  // of no features
  std::array<policy::TickSource, 3> sources{};
  sources[0].tokens = &wrong;
  stream::Packet packet;
  EXPECT_NO_THROW({
    EXPECT_EQ(engine.step({0, 0, sources}, {}, packet), TickStatus::bad_input);
    EXPECT_FALSE(engine.problem().empty());
    sources[0].tokens = nullptr;
    EXPECT_EQ(engine.step({0, 0, sources}, {}, packet), TickStatus::no_tokens);
  });
}

INSTANTIATE_TEST_SUITE_P(Controllers, Promise7NoSurpriseInTheLoop,
                         testing::Values("fixed", "deadline", "motion"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace sluice

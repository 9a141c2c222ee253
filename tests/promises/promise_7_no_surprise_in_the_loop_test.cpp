// Promise 7: after warm-up, neither a tick nor encoding its packet nor the feedback on it goes to
// the heap or to memory that was not touched before.
#include <gtest/gtest.h>
#include <link.h>
#include <sys/resource.h>

#include <array>

#include "policy/tick_engine.h"
#include "stream/bounded_queue.h"
#include "stream/latest_slot.h"
#include "stream/packet_encoder.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/random_ticks.h"

namespace sluice {
namespace {

using policy::TickStatus;

/// The histories fill for 64 ticks, and keys that come and go fill what remembers them.
constexpr std::int64_t warm_up = 300;
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
  feedback.action.reshape(kernels::DType::f32, {1, 7});
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

/// Of this thread, so far: minor and major ones.
std::int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

/// Pages of the program and its libraries come in when they are first used, which may be late.
void touch_code() {
  constexpr std::size_t page = 4096;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void*) {
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) continue;
          const auto* bytes =
              reinterpret_cast<const volatile char*>(object->dlpi_addr + segment.p_vaddr);
          for (std::size_t at = 0; at < segment.p_memsz; at += page) (void)bytes[at];
        }
        return 0;
      },
      nullptr);
}

struct LoopCase {
  const char* controller;
  policy::FixedShape fixed_shape;
};

class Promise7NoSurpriseInTheLoop : public testing::TestWithParam<LoopCase> {};

/// From features to the packet in the outgoing slot, and from the queue of what came in.
TEST_P(Promise7NoSurpriseInTheLoop, TicksAllocateNothingAfterWarmUp) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  touch_code();
  test::Random random(961);
  kernels::Resources resources(1);
  Scene scene(random);
  auto options = options_with(GetParam().controller);
  options.fixed_shape = GetParam().fixed_shape;
  for (auto& source : options.sources) source.shape = 30;
  policy::TickEngine engine(resources, options);
  stream::Packet packet;
  stream::PacketEncoder encoder;
  encoder.reserve(engine.most_token_bytes());
  stream::LatestSlot<std::vector<std::byte>> outgoing;
  stream::BoundedQueue<stream::Feedback> incoming(4);

  // Tensors have an allocator of their own: theirs must stay where they are.
  const auto tensors = [&packet] {
    std::array<const void*, 3> memory{};
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = packet.batches[i].features.data();
    return memory;
  };
  std::array<const void*, 3> at_first{};
  std::int64_t allocations = 0, faults = 0, kept = 0, sent = 0;
  for (std::int64_t tick = 0; tick < warm_up + 10'000; ++tick) {
    if (tick == warm_up) {
      allocations = test::allocations();
      faults = page_faults();
    }
    for (; const stream::Feedback* feedback = incoming.front(); incoming.pop())
      ASSERT_EQ(engine.feedback(*feedback), policy::FeedbackFate::applied);
    const auto sources = scene.at(tick);
    const auto status = engine.step({tick, 0.05 * static_cast<double>(tick), sources},
                                    std::chrono::milliseconds(9), packet);
    ASSERT_EQ(status, TickStatus::ok) << engine.problem();
    encoder.encode(packet, outgoing.writable());
    (void)outgoing.publish();

    kept += packet.kept;
    if (tick < warm_up) at_first = tensors();
    ASSERT_EQ(tensors(), at_first) << tick;
    if (tick % 3 != 1 && outgoing.update()) sent += std::ssize(outgoing.latest());
    if (tick % 5 == 4) continue;  // not every packet is answered
    stream::Feedback* const place = incoming.vacant();
    ASSERT_NE(place, nullptr);
    answer(packet, *place);
    incoming.push();
  }
  EXPECT_EQ(test::allocations(), allocations);
  EXPECT_EQ(page_faults(), faults);
  EXPECT_GT(kept, 0);
  EXPECT_GT(sent, 0);
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

std::string name_of(const testing::TestParamInfo<LoopCase>& info) {
  constexpr std::array<const char*, 3> shapes{"", "Padded", "Held"};
  return std::string(info.param.controller) +
         shapes[static_cast<std::size_t>(info.param.fixed_shape)];
}

INSTANTIATE_TEST_SUITE_P(Loops, Promise7NoSurpriseInTheLoop,
                         testing::Values(LoopCase{"fixed", policy::FixedShape::off},
                                         LoopCase{"deadline", policy::FixedShape::off},
                                         LoopCase{"motion", policy::FixedShape::off},
                                         LoopCase{"motion", policy::FixedShape::pad},
                                         LoopCase{"deadline", policy::FixedShape::hold}),
                         name_of);

}  // namespace
}  // namespace sluice

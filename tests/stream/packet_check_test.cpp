#include "stream/packet_check.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::stream {
namespace {

/// Packet `number` of a flawless stream: segments of two frames of 2×5 positions, half kept.
Packet flawless(std::int64_t number) {
  Packet packet;
  packet.sequence = number;
  packet.segment_first = 2 * number;
  packet.segment_last = 2 * number + 1;
  packet.retain = 0.5;
  packet.budget = packet.kept = 10;
  packet.available = 18;
  packet.totals.frames = 2 * (number + 1);
  packet.totals.seen = 20 * (number + 1);
  packet.totals.available = 18 * (number + 1);
  packet.totals.kept = 10 * (number + 1);
  packet.totals.packets = number + 1;
  TokenBatch batch;
  batch.source.grid_rows = 2;
  batch.source.grid_cols = 5;
  batch.features.reshape(kernels::DType::f32, {10, 1});
  for (std::int32_t row = 0; row < 10; ++row) {
    batch.frame.push_back(static_cast<std::int32_t>(2 * number));
    batch.frame_last.push_back(static_cast<std::int32_t>(2 * number + 1));
    batch.position.push_back(row);
    batch.weight.push_back(2);
  }
  packet.batches.push_back(std::move(batch));
  return packet;
}

template <typename Change>
std::int64_t violations_after(Change&& change) {
  PacketCheck check;
  EXPECT_TRUE(check.check(flawless(0)).empty());
  Packet packet = flawless(1);
  change(packet);
  return static_cast<std::int64_t>(check.check(packet).size());
}

TEST(PacketCheck, AFlawlessStreamPasses) {
  PacketCheck check;
  for (std::int64_t number = 0; number < 5; ++number)
    EXPECT_TRUE(check.check(flawless(number)).empty());
  EXPECT_EQ(check.packets(), 5);
  EXPECT_EQ(check.tokens(), 50);
  EXPECT_EQ(check.missing(), 0);
}

TEST(PacketCheck, EveryBrokenPromiseIsFound) {
  EXPECT_EQ(violations_after([](Packet&) {}), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.budget = 11; }), 0) << "one token too few";
  EXPECT_GT(violations_after([](Packet& p) { p.budget = 9; }), 0) << "one too many";
  EXPECT_GT(violations_after([](Packet& p) { p.kept = 9; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { ++p.totals.unspent; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.totals.kept = 21; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.totals.available = 41; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.segment_first = 3; }), 0) << "a frame left out";
  EXPECT_GT(violations_after([](Packet& p) { p.totals.dropped_packets = 1; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.settings_hash = "other"; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.batches[0].frame[3] = 1; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.batches[0].frame_last[3] = 4; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.batches[0].position[3] = 10; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.batches[0].weight[3] = 0; }), 0);
  EXPECT_GT(violations_after([](Packet& p) { p.batches[0].weight[3] = 3; }), 0)
      << "more input than there was";
}

/// The same stream in batches of 12 rows.
Packet padded(std::int64_t number) {
  Packet packet = flawless(number);
  TokenBatch& batch = packet.batches[0];
  batch.features.reshape(kernels::DType::f32, {12, 1});
  batch.frame.resize(12);
  batch.frame_last.resize(12);
  batch.position.resize(12);
  batch.weight.resize(12);
  batch.valid.assign(12, 1);
  batch.held.assign(12, 0);
  batch.held[10] = 1;
  batch.valid[11] = 0;
  return packet;
}

TEST(PacketCheck, HeldRowsAndPaddingAreNoTokens) {
  PacketCheck check;
  for (std::int64_t number = 0; number < 3; ++number)
    EXPECT_TRUE(check.check(padded(number)).empty());
  EXPECT_EQ(check.tokens(), 30);
  Packet packet = padded(3);
  packet.batches[0].held[10] = 0;
  EXPECT_FALSE(check.check(packet).empty()) << "eleven tokens";
}

TEST(PacketCheck, AFixedShapeStaysWhatItIs) {
  const auto with_another_row = [](std::int64_t number) {
    Packet packet = padded(number);
    TokenBatch& batch = packet.batches[0];
    batch.features.reshape(kernels::DType::f32, {13, 1});
    for_each_column(batch, [](const char*, auto& values, int) {
      if (!values.empty()) values.resize(13);
    });
    return packet;
  };
  PacketCheck check;
  EXPECT_TRUE(check.check(padded(0)).empty());
  EXPECT_EQ(check.check(with_another_row(1)).size(), 1);
  EXPECT_TRUE(check.check(padded(2)).empty());
  EXPECT_TRUE(check.check(with_another_row(0)).empty()) << "a restart";
}

TEST(PacketCheck, MissingColumnsAreNoViolation) {
  PacketCheck check;
  Packet packet = flawless(0);
  packet.batches[0].weight.clear();
  packet.batches[0].frame_last.clear();
  packet.batches[0].position.clear();
  EXPECT_TRUE(check.check(packet).empty());
  packet = flawless(1);
  packet.batches[0].frame.clear();
  EXPECT_TRUE(check.check(packet).empty());
}

TEST(PacketCheck, HostileNumbersDontOverflow) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  PacketCheck check;
  Packet packet = flawless(0);
  packet.batches[0].weight.assign(10, most);
  packet.segment_last = most;
  packet.totals.kept = packet.totals.unspent = packet.totals.seen = most;
  EXPECT_FALSE(check.check(packet).empty());
}

TEST(PacketCheck, ARestartMayHaveLostItsFirstPacket) {
  PacketCheck check;
  EXPECT_TRUE(check.check(flawless(0)).empty());
  EXPECT_TRUE(check.check(flawless(7)).empty());
  EXPECT_TRUE(check.check(flawless(1)).empty());
}

TEST(PacketCheck, JoiningLateIsNoted) {
  PacketCheck check;
  Packet packet = flawless(3);
  packet.totals.dropped_packets = 2;
  EXPECT_TRUE(check.check(packet).empty());
  EXPECT_EQ(check.joined_at(), 3);
  EXPECT_EQ(check.missing(), 0);
  EXPECT_EQ(check.dropped_by_sender(), 0);
}

TEST(PacketCheck, GapsAreCountedAndARestartIsNoViolation) {
  PacketCheck check;
  EXPECT_TRUE(check.check(flawless(0)).empty());
  Packet late = flawless(4);
  late.totals.dropped_packets = 2;
  EXPECT_TRUE(check.check(late).empty());
  EXPECT_EQ(check.missing(), 3);
  EXPECT_EQ(check.dropped_by_sender(), 2);
  EXPECT_TRUE(check.check(flawless(0)).empty()) << "the sender was restarted";
  EXPECT_TRUE(check.check(flawless(1)).empty());
  EXPECT_FALSE(check.check(flawless(1)).empty()) << "the same packet twice";
  EXPECT_EQ(check.violations(), 1);
}

}  // namespace
}  // namespace sluice::stream

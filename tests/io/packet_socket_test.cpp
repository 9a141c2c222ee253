#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/io/message_sender.h"
#include "stream/io/packet_receiver.h"
#include "stream/io/packet_sender.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;

constexpr auto long_enough = 10s;

Packet sample_packet(std::int64_t sequence, std::int64_t tokens = 3) {
  Packet packet;
  packet.sequence = sequence;
  packet.retain = 0.5;
  packet.budget = packet.available = packet.kept = tokens;
  packet.totals.kept = 10;
  TokenBatch batch;
  batch.source.grid_rows = batch.source.grid_cols = 14;
  batch.source.feature_width = 8;
  batch.features.reshape(kernels::DType::f32, {tokens, 8});
  const auto values = batch.features.as<float>();
  std::iota(values.begin(), values.end(), static_cast<float>(sequence));
  for (std::int64_t i = 0; i < tokens; ++i) {
    batch.position.push_back(static_cast<std::int32_t>(i));
    batch.weight.push_back(i + 1);
  }
  packet.batches.push_back(std::move(batch));
  return packet;
}

TEST(PacketSocket, APacketArrivesAsItWasSent) {
  PacketSender sender("tcp://127.0.0.1:*");
  PacketReceiver receiver(sender.endpoint());
  Packet sent = sample_packet(7);
  ASSERT_EQ(sender.send(sent, long_enough), SendStatus::sent);
  Packet received;
  ASSERT_EQ(receiver.receive(received, long_enough), ReceiveStatus::message);
  EXPECT_TRUE(received.sent_unix_ns.has_value());
  // Equal packets have equal bytes.
  EXPECT_EQ(encode(received), encode(sent));
  EXPECT_EQ(std::vector(receiver.bytes().begin(), receiver.bytes().end()), encode(sent));
  EXPECT_EQ(receiver.malformed(), 0);
}

TEST(PacketSocket, GarbageIsCountedAndThePacketsAroundItArrive) {
  MessageSender sender("tcp://127.0.0.1:*", {.queue = 100});
  PacketReceiver receiver(sender.endpoint(), {.queue = 100});
  const std::vector<std::byte> whole = encode(sample_packet(1));
  const std::vector<std::vector<std::byte>> bad{
      {},
      {std::byte{1}},
      std::vector<std::byte>(100, std::byte{0xff}),
      {whole.begin(), whole.end() - 1},
      {whole.begin(), whole.begin() + 20},
  };
  for (const auto& message : bad) {
    ASSERT_EQ(sender.send(message, long_enough), SendStatus::sent);
    ASSERT_EQ(sender.send(whole, long_enough), SendStatus::sent);
  }
  for (std::size_t i = 0; i < bad.size(); ++i) {
    Packet packet;
    ASSERT_EQ(receiver.receive(packet, long_enough), ReceiveStatus::malformed) << i;
    EXPECT_FALSE(receiver.problem().empty());
    ASSERT_EQ(receiver.receive(packet, long_enough), ReceiveStatus::message) << i;
    EXPECT_EQ(packet.sequence, 1);
  }
  EXPECT_EQ(receiver.malformed(), static_cast<std::int64_t>(bad.size()));
}

TEST(PacketSocket, InRealtimeAWholePacketIsDroppedWhenThereIsNoRoom) {
  PacketSender sender("inproc://realtime", {.queue = 2});
  Packet packet = sample_packet(0);
  EXPECT_FALSE(sender.try_send(packet)) << "there is no consumer";
  PacketReceiver receiver("inproc://realtime", {.queue = 2});
  std::vector<std::int64_t> sent;
  for (std::int64_t i = 0; i < 50; ++i) {
    packet.sequence = i;
    if (sender.try_send(packet)) sent.push_back(i);
  }
  EXPECT_EQ(sent.size(), 4U) << "two queues of two";
  for (const std::int64_t sequence : sent) {
    ASSERT_EQ(receiver.receive(packet, long_enough), ReceiveStatus::message);
    EXPECT_EQ(packet.sequence, sequence);
  }
  EXPECT_EQ(receiver.receive(packet, 0ms), ReceiveStatus::timed_out);
}

TEST(PacketSocket, AnInconsistentPacketIsNotSent) {
  PacketSender sender("inproc://inconsistent");
  PacketReceiver receiver("inproc://inconsistent");
  Packet packet = sample_packet(0);
  packet.kept = 99;
  EXPECT_THROW((void)sender.send(packet, long_enough), Error);
  EXPECT_EQ(receiver.receive(packet, 0ms), ReceiveStatus::timed_out);
}

}  // namespace
}  // namespace sluice::stream

// The model's end of the link: always the newest packet; feedback never waits.
#include "stream/io/model_link.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <zmq.hpp>

#include "kernels/error.h"
#include "tests/io/link_samples.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::feedback_on;
using test::long_enough;
using test::tick_packet;

const std::string nobody = "tcp://127.0.0.1:9";

/// A loop of somebody else's program.
struct ForeignPublisher {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::pub};
  std::string endpoint;

  ForeignPublisher() {
    socket.set(zmq::sockopt::linger, 0);
    socket.bind("tcp://127.0.0.1:*");
    endpoint = socket.get(zmq::sockopt::last_endpoint);
  }
  void publish(const std::vector<std::byte>& bytes, zmq::send_flags flags = zmq::send_flags::none) {
    socket.send(zmq::buffer(bytes.data(), bytes.size()), flags);
  }
  /// Sends until the model gets something.
  ReceiveStatus publish_until_received(ModelLink& model, const std::vector<std::byte>& bytes) {
    Packet packet;
    ReceiveStatus status = ReceiveStatus::timed_out;
    (void)eventually([&] {
      publish(bytes);
      status = model.receive(packet, 5ms);
      return status != ReceiveStatus::timed_out;
    });
    return status;
  }
};

ModelLinkOptions listening_to(const std::string& packets) {
  ModelLinkOptions options;
  options.packets = packets;
  options.feedback = "";
  return options;
}

TEST(ModelLink, WithoutALoopReceivingEndsInTimeAndFeedbackIsGone) {
  ModelLinkOptions options;
  options.packets = options.feedback = nobody;
  ModelLink model(options);
  Packet packet;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(model.receive(packet, 100ms), ReceiveStatus::timed_out);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(model.send(feedback_on(i)));
}

TEST(ModelLink, StopEndsWaiting) {
  ModelLink model(listening_to(nobody));
  std::atomic<bool> stop = false;
  const std::jthread stopping([&] {
    std::this_thread::sleep_for(30ms);
    stop = true;
  });
  Packet packet;
  EXPECT_EQ(model.receive(packet, std::nullopt, &stop), ReceiveStatus::stopped);
}

TEST(ModelLink, WhatIsNoPacketIsReportedAndTheNextOneReceived) {
  ForeignPublisher loop;
  ModelLinkOptions options = listening_to(loop.endpoint);
  options.max_packet = 1 << 16;
  ModelLink model(options);
  const std::vector<std::byte> good = encode(tick_packet(4));
  ASSERT_EQ(loop.publish_until_received(model, good), ReceiveStatus::message);

  ASSERT_EQ(loop.publish_until_received(model, {std::byte{1}}), ReceiveStatus::malformed);
  EXPECT_FALSE(model.problem().empty());
  loop.publish(good, zmq::send_flags::sndmore);
  loop.publish(good);
  Packet packet;
  do {  // The odd byte may have come twice.
    ASSERT_EQ(model.receive(packet, long_enough), ReceiveStatus::malformed);
  } while (model.problem().find("2 parts") == std::string::npos);
  // Larger than allowed: the connection ends, and comes back.
  loop.publish(std::vector<std::byte>(1 << 20));
  ASSERT_EQ(loop.publish_until_received(model, good), ReceiveStatus::message);
  EXPECT_EQ(model.problem(), "");
}

TEST(ModelLink, InconsistentFeedbackIsAnError) {
  ModelLink model(listening_to(nobody));
  Feedback feedback = feedback_on(1);
  EXPECT_FALSE(model.send(feedback));  // nowhere to go, as asked for
  feedback.stream.clear();
  EXPECT_THROW((void)model.send(feedback), Error);
}

TEST(ModelLink, CanBeMovedAndReplaced) {
  ForeignPublisher loop;
  ModelLink model(listening_to(nobody));
  model = ModelLink(listening_to(loop.endpoint));
  EXPECT_EQ(loop.publish_until_received(model, encode(tick_packet(1))), ReceiveStatus::message);
}

TEST(ModelLink, BadOptionsAreRefused) {
  EXPECT_THROW(ModelLink(listening_to("tcp://*:5560")), Error);
  EXPECT_THROW(ModelLink(listening_to("udp://127.0.0.1:5560")), Error);
  ModelLinkOptions options = listening_to(nobody);
  options.max_packet = 0;
  EXPECT_THROW(ModelLink{options}, Error);
  options = listening_to(nobody);
  options.heartbeat = -1ms;
  EXPECT_THROW(ModelLink{options}, Error);
  options = listening_to(nobody);
  options.curve = CurveClient{.keys = {"short", "short"}, .server = "short"};
  EXPECT_THROW(ModelLink{options}, Error);
}

}  // namespace
}  // namespace sluice::stream

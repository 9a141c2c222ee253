// The control loop's end of the link: newest packet out, feedback in, whatever the model does.
#include "stream/io/control_link.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <zmq.hpp>

#include "kernels/error.h"
#include "tests/io/link_samples.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using test::any_ports;
using test::eventually;
using test::feedback_on;
using test::long_enough;
using test::model_of;
using test::publish;
using test::publish_until_received;
using test::tick_packet;

/// A socket of somebody else's program.
struct ForeignPusher {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::push};

  explicit ForeignPusher(const std::string& endpoint) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::reconnect_ivl, 20);
    socket.set(zmq::sockopt::immediate, true);
    socket.connect(endpoint);
  }
  void push(const std::vector<std::byte>& bytes, zmq::send_flags flags = zmq::send_flags::none) {
    socket.send(zmq::buffer(bytes.data(), bytes.size()), flags);
  }
};

std::int64_t resident_bytes() {
  std::int64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(ControlLink, PacketsArriveAndFeedbackComesBack) {
  const test::TemporaryFolder folder;
  ControlLinkOptions ipc;
  ipc.packets = "ipc://" + folder.file("packets");
  ipc.feedback = "ipc://" + folder.file("feedback");
  for (const ControlLinkOptions& options : {any_ports(), ipc}) {
    ControlLink link(options);
    ModelLink model(model_of(link));
    std::int64_t tick = 0;
    ASSERT_GE(publish_until_received(link, model, tick), 0);

    const Packet sent = tick_packet(tick);
    publish(link, sent);
    Packet received;
    while (received.tick != tick)
      ASSERT_EQ(model.receive(received, long_enough), ReceiveStatus::message);
    EXPECT_EQ(encode(received), encode(sent));

    const auto before = std::chrono::steady_clock::now();
    ASSERT_TRUE(eventually([&] { return model.send(feedback_on(tick)); }));
    ASSERT_TRUE(eventually([&] { return link.feedback() != nullptr; }));
    const ReceivedFeedback& back = *link.feedback();
    EXPECT_EQ(back.bytes, encode(feedback_on(tick)));
    EXPECT_EQ(encode(back.feedback), back.bytes);
    EXPECT_GE(back.arrival, before);
    EXPECT_LE(back.arrival, std::chrono::steady_clock::now());
    link.feedback_done();
    EXPECT_EQ(link.feedback(), nullptr);

    const LinkCounts counts = link.counts();
    EXPECT_EQ(counts.published, tick + 1);
    EXPECT_LE(counts.sent + counts.replaced, counts.published);
    EXPECT_GE(counts.sent, 1);
    EXPECT_EQ(counts.feedback, 1);
    EXPECT_EQ(counts.malformed + counts.feedback_lost + counts.refused, 0);
    EXPECT_EQ(counts.connections, 1);
    EXPECT_TRUE(counts.connected());
  }
}

TEST(ControlLink, ASlowModelGetsTheNewestPacketAndNoBacklog) {
  ControlLink link(any_ports());
  ModelLink model(model_of(link));
  std::int64_t tick = 0;
  ASSERT_GE(publish_until_received(link, model, tick), 0);
  // Large ones, and nobody asks for them meanwhile.
  for (const std::int64_t end = tick + 100; tick < end; ++tick) {
    publish(link, tick_packet(tick, 4096));
    std::this_thread::sleep_for(2ms);
  }
  Packet packet;
  std::int64_t last = -1, received = 0;
  do {
    publish(link, tick_packet(tick));
    if (model.receive(packet, 20ms) != ReceiveStatus::message) continue;
    ASSERT_GT(*packet.tick, last) << "packets go back in time";
    last = *packet.tick;
    ++received;
    ASSERT_LT(received, 10) << "that is a queue";
  } while (last != tick);
}

TEST(ControlLink, EveryModelGetsThePackets) {
  ControlLink link(any_ports());
  ModelLink first(model_of(link)), second(model_of(link));
  std::int64_t tick = 0;
  ASSERT_GE(publish_until_received(link, first, tick), 0);
  ASSERT_GE(publish_until_received(link, second, tick), 0);
  EXPECT_EQ(link.counts().connections, 2);
  EXPECT_TRUE(eventually([&] { return second.send(feedback_on(7)); }));
  EXPECT_TRUE(eventually([&] { return link.feedback() != nullptr; }));
}

TEST(ControlLink, WithoutAModelPublishingNeitherWaitsNorGrows) {
  ControlLink link(any_ports());
  constexpr std::size_t size = 100'000;
  const auto publish_many = [&](std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      link.outgoing().assign(size, std::byte{7});
      link.publish();
    }
  };
  publish_many(100);
  const std::int64_t before = resident_bytes();
  publish_many(10'000);
  EXPECT_LT(resident_bytes() - before, 16 << 20) << "of the " << 10'000 * size << " published";
  const LinkCounts counts = link.counts();
  EXPECT_EQ(counts.published, 10'100);
  EXPECT_EQ(counts.sent, 0);
  EXPECT_FALSE(counts.connected());
}

TEST(ControlLink, EveryPublishedPacketIsSentOrReplaced) {
  ControlLink link(any_ports());
  ModelLink model(model_of(link));
  std::int64_t tick = 0;
  ASSERT_GE(publish_until_received(link, model, tick), 0);
  ASSERT_TRUE(eventually([&] { return link.counts().connected(); }));
  const LinkCounts before = link.counts();
  for (int i = 0; i < 2000; ++i) publish(link, tick_packet(tick++));
  EXPECT_TRUE(eventually([&] {
    const LinkCounts counts = link.counts();
    return counts.sent + counts.replaced >= before.sent + before.replaced + 2000;
  }));
  EXPECT_EQ(link.counts().published, tick);
}

TEST(ControlLink, MalformedFeedbackIsCountedAndTheLoopGoesOn) {
  ControlLink link(any_ports());
  ForeignPusher peer(link.feedback_endpoint());
  const std::vector<std::byte> good = encode(feedback_on(3));
  const std::vector<std::vector<std::byte>> bad{
      {},
      {std::byte{1}},
      std::vector<std::byte>(100, std::byte{0xff}),
      {good.begin(), good.end() - 1},
      encode(tick_packet(1)),  // a fine message, of another kind
  };
  for (const auto& bytes : bad) peer.push(bytes);
  peer.push(good, zmq::send_flags::sndmore);
  peer.push(good, zmq::send_flags::sndmore);
  peer.push(good);  // one message of three parts
  peer.push(good);
  ASSERT_TRUE(eventually([&] { return link.feedback() != nullptr; }));
  EXPECT_EQ(link.feedback()->bytes, good);
  link.feedback_done();
  EXPECT_EQ(link.feedback(), nullptr);
  EXPECT_EQ(link.counts().feedback, static_cast<std::int64_t>(bad.size()) + 2);
  EXPECT_EQ(link.counts().malformed, static_cast<std::int64_t>(bad.size()) + 1);
}

TEST(ControlLink, OversizedFeedbackCutsThePeerOffAndTheLoopGoesOn) {
  ControlLinkOptions options = any_ports();
  options.max_feedback = 1 << 16;
  ControlLink link(options);
  ModelLink model(model_of(link));
  std::int64_t tick = 0;
  ASSERT_GE(publish_until_received(link, model, tick), 0);

  ForeignPusher peer(link.feedback_endpoint());
  peer.push(std::vector<std::byte>(1 << 20, std::byte{1}));
  // It comes back, and is heard again.
  peer.socket.set(zmq::sockopt::sndtimeo, 50);
  const std::vector<std::byte> good = encode(feedback_on(5));
  ASSERT_TRUE(eventually([&] {
    (void)peer.socket.send(zmq::buffer(good.data(), good.size()), zmq::send_flags::dontwait);
    return link.feedback() != nullptr;
  }));
  EXPECT_EQ(link.feedback()->bytes, good);
  EXPECT_EQ(link.counts().malformed, 0) << "it was let in";
  EXPECT_GE(publish_until_received(link, model, tick), 0);
}

TEST(ControlLink, FeedbackThatNoTickTakesIsDroppedAndCounted) {
  ControlLinkOptions options = any_ports();
  options.feedback_queue = 4;
  ControlLink link(options);
  ForeignPusher peer(link.feedback_endpoint());
  for (int i = 0; i < 10; ++i) peer.push(encode(feedback_on(i)));
  ASSERT_TRUE(eventually([&] { return link.counts().feedback == 10; }));
  EXPECT_EQ(link.counts().feedback_lost, 6);
  for (int i = 0; i < 4; ++i) {
    ASSERT_NE(link.feedback(), nullptr);
    EXPECT_EQ(link.feedback()->feedback.tick, i);
    link.feedback_done();
  }
  EXPECT_EQ(link.feedback(), nullptr);
  peer.push(encode(feedback_on(10)));
  ASSERT_TRUE(eventually([&] { return link.feedback() != nullptr; }));
  EXPECT_EQ(link.feedback()->feedback.tick, 10);
}

TEST(ControlLink, ModelsThatComeAndGoAreCounted) {
  ControlLink link(any_ports());
  for (int i = 1; i <= 3; ++i) {
    {
      const ModelLink model(model_of(link));
      ASSERT_TRUE(eventually([&] { return link.counts().connections == i; }));
      EXPECT_TRUE(link.counts().connected());
    }
    ASSERT_TRUE(eventually([&] { return link.counts().disconnections == i; }));
    EXPECT_FALSE(link.counts().connected());
  }
  EXPECT_EQ(link.counts().refused, 0);
}

TEST(ControlLink, TheLastPacketStillLeavesWhenTheLoopEnds) {
  auto link = std::make_unique<ControlLink>(any_ports());
  ModelLink model(model_of(*link));
  std::int64_t tick = 0;
  ASSERT_GE(publish_until_received(*link, model, tick), 0);
  publish(*link, tick_packet(tick, 4096));
  link.reset();
  Packet packet;
  do {
    ASSERT_EQ(model.receive(packet, long_enough), ReceiveStatus::message);
  } while (*packet.tick != tick);
}

TEST(ControlLink, EndsCleanlyAtAnyMoment) {
  for (int i = 0; i < 40; ++i) {
    auto link = std::make_unique<ControlLink>(any_ports());
    std::optional<ModelLink> model(model_of(*link));
    const std::jthread answering([&model, i](const std::stop_token&) {
      Packet packet;
      (void)model->receive(packet, std::chrono::milliseconds(i % 10));
      (void)model->send(feedback_on(i));
    });
    for (int tick = 0; tick < i * 5; ++tick) publish(*link, tick_packet(tick, 100));
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(i));
  }
}

TEST(ControlLink, ListensOnTheLoopbackInterfaceUnlessAskedFor) {
  ControlLinkOptions options = any_ports();
  EXPECT_EQ(ControlLink(options).warning(), "");
  for (std::string ControlLinkOptions::*endpoint :
       {&ControlLinkOptions::packets, &ControlLinkOptions::feedback}) {
    options = any_ports();
    options.*endpoint = "tcp://*:*";
    EXPECT_THROW(ControlLink{options}, Error);
    options.allow_remote = true;
    const ControlLink link(options);
    EXPECT_NE(link.warning().find("tcp://*:*"), std::string::npos) << link.warning();
    EXPECT_NE(link.warning().find("without encryption"), std::string::npos) << link.warning();
  }
}

TEST(ControlLink, BadOptionsAreRefused) {
  const auto refused = [](auto change) {
    ControlLinkOptions options = any_ports();
    change(options);
    try {
      const ControlLink link(options);
      return false;
    } catch (const Error& error) {
      return error.kind() == Error::Kind::input;
    }
  };
  EXPECT_TRUE(refused([](auto& options) { options.max_feedback = 0; }));
  EXPECT_TRUE(refused([](auto& options) { options.feedback_queue = 0; }));
  EXPECT_TRUE(refused([](auto& options) { options.heartbeat = 0ms; }));
  EXPECT_TRUE(refused([](auto& options) { options.heartbeat_timeout = 100ms; }));
  EXPECT_TRUE(refused([](auto& options) { options.packets = "127.0.0.1:5560"; }));
  EXPECT_TRUE(refused([](auto& options) { options.curve = CurveServer{}; }));
  EXPECT_FALSE(refused([](auto&) {}));
}

TEST(ControlLink, ATakenAddressIsASystemError) {
  const ControlLink first(any_ports());
  ControlLinkOptions options = any_ports();
  options.feedback = first.feedback_endpoint();
  try {
    const ControlLink second(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_NE(std::string(error.what()).find("in use"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace sluice::stream

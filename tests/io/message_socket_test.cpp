// Round trips, queues and bad peers of the message sockets.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "kernels/error.h"
#include "stream/io/message_receiver.h"
#include "stream/io/message_sender.h"
#include "tests/io/numbered_message.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using test::number_of;
using test::numbered;
using Clock = std::chrono::steady_clock;

constexpr auto long_enough = 10s;
const std::string any_port = "tcp://127.0.0.1:*";

std::string an_endpoint(const std::string& transport, const test::TemporaryFolder& folder) {
  if (transport == "tcp") return any_port;
  if (transport == "ipc") return "ipc://" + folder.file("socket");
  return "inproc://" + folder.path().filename().string();
}

class EveryTransport : public testing::TestWithParam<std::string> {
 protected:
  test::TemporaryFolder folder_;
  std::string endpoint_ = an_endpoint(GetParam(), folder_);
};
INSTANTIATE_TEST_SUITE_P(Transports, EveryTransport, testing::Values("tcp", "ipc", "inproc"),
                         [](const auto& instance) { return instance.param; });

TEST_P(EveryTransport, MessagesArriveWholeAndInOrder) {
  MessageSender sender(endpoint_, {});
  MessageReceiver receiver(sender.endpoint(), {});
  const std::jthread sending([&] {
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(sender.send(numbered(i, static_cast<std::size_t>(i) * 1000), long_enough),
                SendStatus::sent);
    }
  });
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(receiver.receive(long_enough), ReceiveStatus::message);
    ASSERT_EQ(number_of(receiver.bytes()), i);
    ASSERT_EQ(receiver.bytes().size(), numbered(i, static_cast<std::size_t>(i) * 1000).size());
  }
}

TEST_P(EveryTransport, ASlowConsumerIsWaitedForInBoundedMemory) {
  MessageSender sender(endpoint_, {.queue = 4});
  MessageReceiver receiver(sender.endpoint(), {.queue = 4});
  constexpr std::size_t size = 1 << 20;
  int accepted = 0;
  while (sender.send(numbered(accepted, size), 300ms) == SendStatus::sent) {
    // Two queues of four, what the kernel holds, and one message in each engine.
    ASSERT_LT(++accepted, 40) << "the queue does not end";
  }
  EXPECT_GE(accepted, 4);
  EXPECT_FALSE(sender.has_room());
  EXPECT_FALSE(sender.try_send(numbered(-1, size)));
  for (int i = 0; i < accepted; ++i) {
    ASSERT_EQ(receiver.receive(long_enough), ReceiveStatus::message);
    ASSERT_EQ(number_of(receiver.bytes()), i) << "nothing may be lost while waiting";
  }
  EXPECT_EQ(sender.send(numbered(accepted, size), long_enough), SendStatus::sent);
}

TEST_P(EveryTransport, PublishedMessagesReachEverySubscriber) {
  MessageSender sender(endpoint_, {.pattern = SendPattern::publish, .queue = 1000});
  const ReceiverOptions options{.pattern = ReceivePattern::subscribe, .queue = 1000};
  MessageReceiver first(sender.endpoint(), options), second(sender.endpoint(), options);
  // Subscriptions take a moment to arrive: publish until both are in place.
  const auto deadline = Clock::now() + long_enough;
  for (bool seen_first = false, seen_second = false; !(seen_first && seen_second);) {
    ASSERT_LT(Clock::now(), deadline);
    ASSERT_EQ(sender.send(numbered(-1)), SendStatus::sent);
    seen_first = seen_first || first.receive(1ms) == ReceiveStatus::message;
    seen_second = seen_second || second.receive(1ms) == ReceiveStatus::message;
  }
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(sender.try_send(numbered(i)));
  for (MessageReceiver* receiver : {&first, &second}) {
    for (int next = 0; next < 100;) {
      ASSERT_EQ(receiver->receive(long_enough), ReceiveStatus::message);
      if (number_of(receiver->bytes()) < 0) continue;
      ASSERT_EQ(number_of(receiver->bytes()), next++);
    }
  }
}

TEST(MessageSocket, AnAbsentConsumerIsWaitedForAsLongAsAsked) {
  for (const Attach attach : {Attach::bind, Attach::connect}) {
    const std::string endpoint = attach == Attach::bind ? any_port : "tcp://127.0.0.1:9";
    MessageSender sender(endpoint, {.attach = attach, .linger_ms = 0});
    const auto start = Clock::now();
    EXPECT_EQ(sender.send(numbered(0), 120ms), SendStatus::timed_out);
    EXPECT_GE(Clock::now() - start, 120ms);
  }
}

TEST(MessageSocket, StopEndsWaiting) {
  MessageSender sender(any_port, {});
  MessageReceiver receiver("tcp://127.0.0.1:9", {});
  std::atomic<bool> stop = false;
  const std::jthread stopping([&] {
    std::this_thread::sleep_for(50ms);
    stop = true;
  });
  EXPECT_EQ(sender.send(numbered(0), std::nullopt, &stop), SendStatus::stopped);
  EXPECT_EQ(receiver.receive(std::nullopt, &stop), ReceiveStatus::stopped);
}

TEST(MessageSocket, TryingToSendNeverWaits) {
  for (const Attach attach : {Attach::bind, Attach::connect}) {
    const std::string endpoint = attach == Attach::bind ? any_port : "tcp://127.0.0.1:9";
    MessageSender sender(endpoint, {.attach = attach, .linger_ms = 0});
    const auto start = Clock::now();
    for (int i = 0; i < 1000; ++i) ASSERT_FALSE(sender.try_send(numbered(i)));
    EXPECT_LT(Clock::now() - start, 2s);
  }
}

TEST(MessageSocket, ReceivingEndsInTime) {
  MessageReceiver receiver(any_port, {.attach = Attach::bind});
  const auto start = Clock::now();
  EXPECT_EQ(receiver.receive(120ms), ReceiveStatus::timed_out);
  EXPECT_GE(Clock::now() - start, 120ms);
}

TEST(MessageSocket, LatestOnlyKeepsTheNewest) {
  MessageSender sender(any_port, {.pattern = SendPattern::publish, .latest_only = true});
  MessageReceiver receiver(sender.endpoint(),
                           {.pattern = ReceivePattern::subscribe, .latest_only = true});
  const auto deadline = Clock::now() + long_enough;
  do {
    ASSERT_LT(Clock::now(), deadline);
    ASSERT_TRUE(sender.try_send(numbered(-1)));
  } while (receiver.receive(1ms) != ReceiveStatus::message);
  // Far more than any queue holds, and nobody reads meanwhile. A queue would keep the oldest.
  // The short pauses keep clear of a libzmq bug: see SenderOptions::latest_only.
  constexpr std::int64_t count = 300;
  for (std::int64_t i = 0; i < count; ++i) {
    ASSERT_TRUE(sender.try_send(numbered(i)));
    std::this_thread::sleep_for(100us);
  }
  int received = 0;
  for (std::int64_t last = -1; last != count; ++received) {
    ASSERT_LT(Clock::now(), deadline);
    ASSERT_TRUE(sender.try_send(numbered(count)));
    if (receiver.receive(10ms) != ReceiveStatus::message) continue;
    ASSERT_GE(number_of(receiver.bytes()), last);
    last = number_of(receiver.bytes());
  }
  EXPECT_LT(received, 100);
}

TEST(MessageSocket, AMessageInPartsIsReportedAndTheNextOneReceived) {
  MessageReceiver receiver(any_port, {.attach = Attach::bind});
  zmq::context_t context;
  zmq::socket_t peer(context, zmq::socket_type::push);
  peer.connect(receiver.endpoint());
  peer.send(zmq::str_buffer("one"), zmq::send_flags::sndmore);
  peer.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  peer.send(zmq::str_buffer("three"), zmq::send_flags::none);
  peer.send(zmq::str_buffer("a message of one part"), zmq::send_flags::none);
  ASSERT_EQ(receiver.receive(long_enough), ReceiveStatus::malformed);
  EXPECT_NE(receiver.problem().find("3 parts"), std::string::npos) << receiver.problem();
  ASSERT_EQ(receiver.receive(long_enough), ReceiveStatus::message);
  EXPECT_EQ(receiver.bytes().size(), 21U);
}

TEST(MessageSocket, AnOversizeMessageIsCutOffAndTheConnectionRecovers) {
  MessageReceiver receiver(any_port, {.attach = Attach::bind, .max_message = 1 << 16});
  MessageSender sender(receiver.endpoint(), {.attach = Attach::connect, .linger_ms = 0});
  ASSERT_EQ(sender.send(numbered(1, 1 << 20), long_enough), SendStatus::sent);
  const auto deadline = Clock::now() + long_enough;
  ReceiveStatus status;
  do {
    ASSERT_LT(Clock::now(), deadline);
    (void)sender.send(numbered(2), 100ms);
    status = receiver.receive(100ms);
    ASSERT_NE(status, ReceiveStatus::malformed) << "it was let in, and filled our memory";
  } while (status != ReceiveStatus::message);
  EXPECT_EQ(number_of(receiver.bytes()), 2);
}

TEST(MessageSocket, AnOversizeMessageOfTheSameProcessIsReported) {
  MessageReceiver receiver("inproc://oversize", {.attach = Attach::bind, .max_message = 100});
  MessageSender sender("inproc://oversize", {.attach = Attach::connect});
  ASSERT_EQ(sender.send(numbered(1, 101), long_enough), SendStatus::sent);
  ASSERT_EQ(sender.send(numbered(2, 100), long_enough), SendStatus::sent);
  EXPECT_EQ(receiver.receive(long_enough), ReceiveStatus::malformed);
  EXPECT_NE(receiver.problem().find("101 bytes"), std::string::npos) << receiver.problem();
  EXPECT_EQ(receiver.receive(long_enough), ReceiveStatus::message);
}

TEST(MessageSocket, ATakenAddressIsASystemError) {
  MessageSender first(any_port, {});
  try {
    MessageSender second(first.endpoint(), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_NE(std::string(error.what()).find("in use"), std::string::npos) << error.what();
  }
}

TEST(MessageSocket, AnAddressCanBeTakenAgainOnceItIsFree) {
  auto first = std::make_unique<MessageSender>(any_port, SenderOptions{});
  const std::string endpoint = first->endpoint();
  first.reset();
  // The old socket is closed in the background.
  const auto deadline = Clock::now() + long_enough;
  for (;;) {
    try {
      MessageSender second(endpoint, {});
      break;
    } catch (const Error&) {
      ASSERT_LT(Clock::now(), deadline);
    }
  }
}

TEST(MessageSocket, ListeningToOtherMachinesMustBeAskedFor) {
  EXPECT_THROW(MessageSender("tcp://*:*", {}), Error);
  EXPECT_THROW(MessageReceiver("tcp://0.0.0.0:*", {.attach = Attach::bind}), Error);
  EXPECT_NO_THROW(MessageSender("tcp://*:*", {.allow_remote = true}));
}

TEST(MessageSocket, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(MessageSender(any_port, {.queue = 0}), Error);
  EXPECT_THROW(MessageSender(any_port, {.latest_only = true}), Error);
  EXPECT_THROW(MessageSender(any_port, {.linger_ms = -1}), Error);
  EXPECT_THROW(MessageReceiver(any_port, {.attach = Attach::bind, .queue = -5}), Error);
  EXPECT_THROW(MessageReceiver(any_port, {.attach = Attach::bind, .max_message = 0}), Error);
}

}  // namespace
}  // namespace sluice::stream

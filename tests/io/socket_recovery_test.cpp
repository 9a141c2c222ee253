// Promise 8 for streams: consumers and producers that are killed and come back.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "stream/io/feature_receiver.h"
#include "stream/io/message_sender.h"
#include "tests/io/child_process.h"
#include "tests/io/numbered_message.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using test::ChildProcess;
using test::numbered;
using Clock = std::chrono::steady_clock;

constexpr auto long_enough = 10s;

class KilledConsumer : public testing::TestWithParam<std::tuple<std::string, Attach>> {
 protected:
  test::TemporaryFolder folder_;
  Attach attach_ = std::get<1>(GetParam());

  /// An address that the child can bind to. For tcp: one that was free a moment ago.
  std::string free_endpoint() const {
    if (std::get<0>(GetParam()) == "ipc") return "ipc://" + folder_.file("socket");
    return MessageSender("tcp://127.0.0.1:*", {.linger_ms = 0}).endpoint();
  }
  static ChildProcess consumer(Attach attach, const std::string& endpoint) {
    return ChildProcess(
        {SLUICE_IO_PEER, "pull", attach == Attach::bind ? "bind" : "connect", endpoint});
  }
  /// Sends numbers from `next` on until the consumer prints one; that number.
  static std::optional<std::string> send_until_received(MessageSender& sender, std::int64_t& next,
                                                        ChildProcess& consumer) {
    const auto deadline = Clock::now() + long_enough;
    while (Clock::now() < deadline) {
      if (sender.send(numbered(next), 10ms) == SendStatus::sent) ++next;
      if (auto line = consumer.read_line(1ms)) return line;
    }
    return std::nullopt;
  }
};
INSTANTIATE_TEST_SUITE_P(Sockets, KilledConsumer,
                         testing::Combine(testing::Values("tcp", "ipc"),
                                          testing::Values(Attach::bind, Attach::connect)),
                         [](const auto& instance) {
                           return std::get<0>(instance.param) +
                                  (std::get<1>(instance.param) == Attach::bind ? "SenderBinds"
                                                                               : "SenderConnects");
                         });

TEST_P(KilledConsumer, IsWaitedForAndItsSuccessorServed) {
  const bool sender_binds = attach_ == Attach::bind;
  const std::string address = free_endpoint();
  MessageSender sender(address, {.attach = attach_, .queue = 4, .linger_ms = 0});
  const Attach other = sender_binds ? Attach::connect : Attach::bind;
  std::int64_t next = 0;

  ChildProcess first = consumer(other, sender.endpoint());
  ASSERT_EQ(send_until_received(sender, next, first), "0");
  first.kill();
  // What the dead consumer's queue took is lost; after that the sender waits rather than grows.
  int accepted = 0;
  while (sender.send(numbered(next), 200ms) == SendStatus::sent) {
    ++next;
    ASSERT_LT(++accepted, 100'000) << "messages vanish without a consumer";
  }

  ChildProcess second = consumer(other, sender.endpoint());
  const std::int64_t resumed_at = next;
  const auto start = Clock::now();
  const auto line = send_until_received(sender, next, second);
  ASSERT_TRUE(line.has_value());
  const auto recovery = Clock::now() - start;
  EXPECT_EQ(*line, std::to_string(resumed_at));
  // Under 1 s on an idle machine; the bound leaves room for a loaded one.
  EXPECT_LT(recovery, 5s);
  RecordProperty(
      "recovery_ms",
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(recovery).count()));
}

TEST(KilledEncoder, FeaturesGoOnWithItsSuccessor) {
  // The engine listens; encoders come and go.
  const std::string address = MessageSender("tcp://127.0.0.1:*", {.linger_ms = 0}).endpoint();
  auto first = std::make_unique<ChildProcess>(
      std::vector<std::string>{SLUICE_IO_PEER, "push", "connect", address});
  FeatureReceiver receiver(address, {.open_timeout_s = 10, .idle_timeout_s = 10});
  FeatureFrame frame;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(receiver.next(frame));
    ASSERT_EQ(frame.features.as<float>()[0], static_cast<float>(i));
  }
  first->kill();
  const ChildProcess second({SLUICE_IO_PEER, "push", "connect", address});
  // What was queued still comes; then the numbers start again.
  float last = 19;
  for (;;) {
    ASSERT_TRUE(receiver.next(frame));
    const float number = frame.features.as<float>()[0];
    if (number < last) {
      EXPECT_EQ(number, 0);
      break;
    }
    ASSERT_EQ(number, last + 1);
    last = number;
  }
  EXPECT_EQ(frame.index, static_cast<std::int64_t>(last) + 1);
  EXPECT_FALSE(receiver.statistics().notes.empty());
}

}  // namespace
}  // namespace sluice::stream

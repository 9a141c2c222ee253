// Promise 8 for the control loop: models that are killed, stopped, or cut off, and come back.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include "kernels/error.h"
#include "tests/io/child_process.h"
#include "tests/io/link_samples.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::ChildProcess;
using test::eventually;
using test::long_enough;
using test::tick_packet;

/// Under 1 s on an idle machine; the bound leaves room for a loaded one.
constexpr auto recovery_bound = 5s;

int to_ms(Clock::duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// A loop of 100 Hz on a thread of its own, and the longest that a tick had to wait for its link.
class Loop {
 public:
  explicit Loop(ControlLink& link, std::int64_t tokens = 100)
      : link_(link), thread_([this, tokens](const std::stop_token& stop) { run(stop, tokens); }) {}

  [[nodiscard]] std::int64_t tick() const { return tick_; }
  [[nodiscard]] std::int64_t feedback() const { return feedback_; }
  [[nodiscard]] std::int64_t newest_feedback() const { return newest_feedback_; }

 private:
  void run(const std::stop_token& stop, std::int64_t tokens) {
    while (!stop.stop_requested()) {
      for (; const ReceivedFeedback* got = link_.feedback(); link_.feedback_done()) {
        ++feedback_;
        newest_feedback_ = got->feedback.tick;
      }
      test::publish(link_, tick_packet(tick_, tokens));
      ++tick_;
      std::this_thread::sleep_for(10ms);
    }
  }

  ControlLink& link_;
  std::atomic<std::int64_t> tick_ = 0, feedback_ = 0, newest_feedback_ = -1;
  std::jthread thread_;
};

ChildProcess model_process(const ControlLink& link) {
  return ChildProcess({SLUICE_IO_PEER, "model", link.packets_endpoint(), link.feedback_endpoint()});
}

/// The tick that the model saw next; -1 if none.
std::int64_t next_tick(ChildProcess& model, std::chrono::milliseconds patience = long_enough) {
  const auto line = model.read_line(patience);
  return line ? std::stoll(*line) : -1;
}

/// Reads on until the model saw tick `from` or a later one. How many older ones it saw before.
int older_than(ChildProcess& model, std::int64_t from) {
  for (int older = 0;; ++older) {
    const std::int64_t tick = next_tick(model);
    if (tick < 0) ADD_FAILURE() << "the model sees no packets";
    if (tick < 0 || tick >= from) return older;
  }
}

TEST(LinkRecovery, AKilledModelIsNoticedAndItsSuccessorServed) {
  ControlLink link(test::any_ports());
  const Loop loop(link);
  ChildProcess first = model_process(link);
  ASSERT_GE(next_tick(first), 0);
  ASSERT_TRUE(eventually([&] { return loop.feedback() > 0; }));
  first.kill();
  ASSERT_TRUE(eventually([&] { return link.counts().disconnections == 1; }));
  EXPECT_FALSE(link.counts().connected());
  const std::int64_t at_death = loop.tick();
  ASSERT_TRUE(eventually([&] { return loop.tick() > at_death + 10; })) << "the loop stands still";

  const std::int64_t at_return = loop.tick();
  const auto returned = Clock::now();
  ChildProcess second = model_process(link);
  EXPECT_GE(next_tick(second), at_return) << "that was meant for the dead";
  const auto recovery = Clock::now() - returned;
  EXPECT_LT(recovery, recovery_bound);
  RecordProperty("recovery_ms", to_ms(recovery));
  EXPECT_TRUE(eventually([&] { return loop.newest_feedback() >= at_return; }));
  EXPECT_EQ(link.counts().connections, 2);
}

TEST(LinkRecovery, ALoopThatComesBackIsFoundAgain) {
  auto link = std::make_unique<ControlLink>(test::any_ports());
  ControlLinkOptions same_ports;
  same_ports.packets = link->packets_endpoint();
  same_ports.feedback = link->feedback_endpoint();
  ChildProcess model = model_process(*link);
  {
    const Loop loop(*link);
    ASSERT_GE(next_tick(model), 0);
  }
  link.reset();
  std::this_thread::sleep_for(300ms);
  ASSERT_TRUE(eventually([&] {  // the old sockets are closed in the background
    try {
      link = std::make_unique<ControlLink>(same_ports);
      return true;
    } catch (const Error&) {
      return false;
    }
  }));
  const auto returned = Clock::now();
  const Loop loop(*link);
  while (model.read_line(0ms)) {
  }
  ASSERT_GE(next_tick(model), 0);
  const auto recovery = Clock::now() - returned;
  EXPECT_LT(recovery, recovery_bound);
  RecordProperty("recovery_ms", to_ms(recovery));
  EXPECT_TRUE(eventually([&] { return loop.feedback() > 0; }));
}

TEST(LinkRecovery, AModelStoppedForAMomentGetsTheNewestPacketAndNoBacklog) {
  ControlLink link(test::any_ports());
  const Loop loop(link, 2000);  // 128 kB a packet: more than fits into the network's buffers
  ChildProcess model = model_process(link);
  ASSERT_GE(next_tick(model), 0);
  model.signal(SIGSTOP);
  const std::int64_t stopped_at = loop.tick();
  std::this_thread::sleep_for(400ms);
  while (model.read_line(0ms)) {
  }
  const std::int64_t now = loop.tick();
  ASSERT_GT(now, stopped_at + 5) << "the loop waits for the model";
  model.signal(SIGCONT);
  const auto returned = Clock::now();
  const int stale = older_than(model, now);
  RecordProperty("recovery_ms", to_ms(Clock::now() - returned));
  RecordProperty("stale_packets", stale);
  // Some were on their way when it stopped; while it thinks about one, newer ones replace them.
  EXPECT_LE(stale, 3) << "of " << now - stopped_at;
  EXPECT_LT(Clock::now() - returned, recovery_bound);
}

TEST(LinkRecovery, AModelStoppedForLongIsGoneUntilItGoesOn) {
  ControlLink link(test::any_ports());
  const Loop loop(link);
  ChildProcess model = model_process(link);
  ASSERT_GE(next_tick(model), 0);
  model.signal(SIGSTOP);
  // Its connection stays open: only the missing heartbeat tells.
  const auto stopped = Clock::now();
  ASSERT_TRUE(eventually([&] { return link.counts().disconnections == 1; }));
  RecordProperty("noticed_ms", to_ms(Clock::now() - stopped));
  EXPECT_FALSE(link.counts().connected());
  std::this_thread::sleep_for(500ms);
  while (model.read_line(0ms)) {
  }

  const std::int64_t now = loop.tick();
  model.signal(SIGCONT);
  const auto returned = Clock::now();
  const int stale = older_than(model, now);
  const auto recovery = Clock::now() - returned;
  RecordProperty("recovery_ms", to_ms(recovery));
  RecordProperty("stale_packets", stale);
  EXPECT_LT(recovery, recovery_bound);
  EXPECT_TRUE(eventually([&] { return loop.newest_feedback() >= now; }));
  EXPECT_GE(link.counts().connections, 2);
  EXPECT_TRUE(link.counts().connected());
}

TEST(LinkRecovery, AModelWaitsForALoopThatStandsStill) {
  // No packets for far longer than the heartbeats' patience: that is silence, not death.
  ControlLink link(test::any_ports());
  ModelLink model(test::model_of(link));
  std::int64_t tick = 0;
  ASSERT_GE(test::publish_until_received(link, model, tick), 0);
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(link.counts().disconnections, 0);
  test::publish(link, tick_packet(tick));
  Packet packet;
  ASSERT_EQ(model.receive(packet, long_enough), ReceiveStatus::message);
}

TEST(LinkRecovery, AModelThatThinksForLongStaysConnected) {
  ControlLink link(test::any_ports());
  const Loop loop(link, 2000);
  ModelLink model(test::model_of(link));
  Packet packet;
  ASSERT_EQ(model.receive(packet, long_enough), ReceiveStatus::message);
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(link.counts().disconnections, 0);
  const std::int64_t now = loop.tick();
  ASSERT_EQ(model.receive(packet, long_enough), ReceiveStatus::message);
  EXPECT_GE(*packet.tick, now - 20) << "an old one was kept";
}

}  // namespace
}  // namespace sluice::stream

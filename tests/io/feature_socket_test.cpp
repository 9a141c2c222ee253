#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "stream/io/feature_receiver.h"
#include "stream/io/feature_sender.h"
#include "tests/io/feature_samples.h"

namespace sluice::stream {
namespace {

using namespace std::chrono_literals;
using test::feature_message;

constexpr auto long_enough = 10s;

FeatureReceiverOptions connecting() {
  return {.socket = {.attach = Attach::connect}, .open_timeout_s = 10, .idle_timeout_s = 10};
}

/// Sends in the background; the sender waits for its receiver.
std::jthread send_all(const std::string& endpoint, std::vector<std::vector<std::byte>> messages) {
  return std::jthread([sender = MessageSender(endpoint, {}), all = std::move(messages)]() mutable {
    for (auto& message : all) {
      ASSERT_EQ(sender.send(std::move(message), long_enough), SendStatus::sent);
    }
  });
}

FeatureMessage end_message() {
  FeatureMessage end = feature_message(0);
  end.end_of_stream = true;
  end.frame.features = {};
  return end;
}

TEST(FeatureSocket, FramesArriveUntilTheEndOfTheStream) {
  const std::string endpoint = "inproc://features-frames";
  FeatureSender sender(endpoint, {.attach = Attach::bind});
  std::jthread sending([&] {
    for (int i = 0; i < 50; ++i) {
      FeatureMessage message = feature_message(i);
      message.frame.episode = i / 10;
      message.frame.attention.reshape(kernels::DType::f32, {6});
      for (float& value : message.frame.attention.as<float>()) value = 0.25F;
      ASSERT_EQ(sender.send(message, long_enough), SendStatus::sent);
    }
    FeatureMessage end = end_message();
    ASSERT_EQ(sender.send(end, long_enough), SendStatus::sent);
  });
  FeatureReceiver receiver(endpoint, connecting());
  EXPECT_EQ(receiver.source().id, "encoder");
  EXPECT_EQ(receiver.source().grid_rows, 2);
  EXPECT_EQ(receiver.source().feature_width, 4);
  EXPECT_FALSE(receiver.is_recording());
  FeatureFrame frame;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(receiver.next(frame));
    EXPECT_EQ(frame.index, i);
    EXPECT_DOUBLE_EQ(frame.pts, i * 0.1);
    EXPECT_EQ(frame.episode, i / 10);
    ASSERT_EQ(frame.features.shape(), (kernels::Shape{6, 4}));
    EXPECT_EQ(frame.features.as<float>()[23], static_cast<float>(i));
    EXPECT_EQ(frame.attention.as<float>()[5], 0.25F);
    EXPECT_FALSE(frame.semantic.defined());
  }
  EXPECT_FALSE(receiver.next(frame));
  EXPECT_FALSE(receiver.next(frame)) << "the end is final";
  EXPECT_EQ(receiver.statistics().frames, 50);
  EXPECT_EQ(receiver.statistics().skipped_packets, 0);
  EXPECT_TRUE(receiver.statistics().notes.empty());
}

TEST(FeatureSocket, TheLastMessageMayCarryFeatures) {
  const std::string endpoint = "inproc://features-last";
  FeatureMessage last = feature_message(1);
  last.end_of_stream = true;
  const auto sending = send_all(endpoint, {encode(feature_message(0)), encode(last)});
  FeatureReceiver receiver(endpoint, connecting());
  FeatureFrame frame;
  EXPECT_TRUE(receiver.next(frame));
  EXPECT_TRUE(receiver.next(frame));
  EXPECT_EQ(frame.features.as<float>()[0], 1);
  EXPECT_FALSE(receiver.next(frame));
}

TEST(FeatureSocket, BadMessagesAreSkippedAndCounted) {
  FeatureMessage other_type = feature_message(1);
  other_type.frame.features.reshape(kernels::DType::f16, {6, 4});
  FeatureMessage other_source = feature_message(1);
  other_source.source.id = "elsewhere";
  FeatureMessage other_grid = feature_message(1);
  other_grid.source.grid_rows = 3;
  other_grid.source.grid_cols = 2;
  FeatureMessage other_width = feature_message(1);
  other_width.source.feature_width = 2;
  other_width.frame.features.reshape(kernels::DType::f32, {6, 2});
  FeatureMessage last = feature_message(5);
  last.end_of_stream = true;

  const std::string endpoint = "inproc://features-bad";
  const auto sending = send_all(endpoint, {{},  // before the first good one, too
                                           encode(feature_message(0)),
                                           std::vector<std::byte>(50, std::byte{7}),
                                           encode(other_type),
                                           encode(other_source),
                                           encode(other_grid),
                                           encode(other_width),
                                           encode(last)});
  FeatureReceiver receiver(endpoint, connecting());
  FeatureFrame frame;
  ASSERT_TRUE(receiver.next(frame));
  ASSERT_TRUE(receiver.next(frame));
  EXPECT_EQ(frame.features.as<float>()[0], 5);
  EXPECT_EQ(frame.index, 1);
  EXPECT_FALSE(receiver.next(frame));
  EXPECT_EQ(receiver.statistics().skipped_packets, 6);
  EXPECT_EQ(receiver.statistics().notes.size(), 6U);
}

TEST(FeatureSocket, LostMessagesAreNoted) {
  const std::string endpoint = "inproc://features-lost";
  std::vector<std::vector<std::byte>> messages;
  for (const int sequence : {0, 1, 4, 9}) {
    FeatureMessage message = feature_message(sequence);
    message.sequence = sequence;
    message.end_of_stream = sequence == 9;
    messages.push_back(encode(message));
  }
  const auto sending = send_all(endpoint, std::move(messages));
  FeatureReceiver receiver(endpoint, connecting());
  FeatureFrame frame;
  while (receiver.next(frame)) {
  }
  EXPECT_EQ(receiver.statistics().frames, 4);
  EXPECT_EQ(receiver.statistics().notes,
            std::vector<std::string>{"6 messages were lost on the way"});
}

TEST(FeatureSocket, SilenceEndsTheStream) {
  const std::string endpoint = "inproc://features-idle";
  const auto sending = send_all(endpoint, {encode(feature_message(0))});
  FeatureReceiverOptions options = connecting();
  options.idle_timeout_s = 0.05;
  FeatureReceiver receiver(endpoint, options);
  FeatureFrame frame;
  EXPECT_TRUE(receiver.next(frame));
  EXPECT_FALSE(receiver.next(frame));
  EXPECT_EQ(receiver.statistics().notes.size(), 1U);
}

TEST(FeatureSocket, StopEndsTheStream) {
  const std::string endpoint = "inproc://features-stop";
  const auto sending = send_all(endpoint, {encode(feature_message(0))});
  std::atomic<bool> stop = false;
  FeatureReceiverOptions options = connecting();
  options.idle_timeout_s.reset();
  options.stop = &stop;
  FeatureReceiver receiver(endpoint, options);
  FeatureFrame frame;
  EXPECT_TRUE(receiver.next(frame));
  const std::jthread stopping([&] { stop = true; });
  EXPECT_FALSE(receiver.next(frame));
}

TEST(FeatureSocket, NoEncoderInTimeIsAnError) {
  try {
    FeatureReceiver receiver("tcp://127.0.0.1:*", {.open_timeout_s = 0.05});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
  }
}

}  // namespace
}  // namespace sluice::stream

// Packets and feedback for tests of the link between a control loop and a model.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "stream/feedback.h"
#include "stream/io/control_link.h"
#include "stream/io/model_link.h"
#include "stream/packet.h"

namespace sluice::test {

inline constexpr auto long_enough = std::chrono::seconds{10};

/// A packet of tick `tick` whose features all are `tick`; a token has 64 bytes of them.
inline stream::Packet tick_packet(std::int64_t tick, std::int64_t tokens = 3) {
  stream::Packet packet;
  packet.sequence = packet.totals.packets = tick;
  packet.tick = tick;
  packet.episode = 0;
  packet.budget = packet.available = packet.kept = tokens;
  stream::TokenBatch batch;
  batch.source.id = "camera";
  batch.source.feature_width = 16;
  batch.features.reshape(kernels::DType::f32, {tokens, 16});
  std::ranges::fill(batch.features.as<float>(), static_cast<float>(tick));
  packet.batches.push_back(std::move(batch));
  return packet;
}

inline stream::Feedback feedback_on(std::int64_t tick) {
  stream::Feedback feedback;
  feedback.stream = "sluice";
  feedback.tick = tick;
  feedback.model_latency_ms = 12.5;
  feedback.sources.push_back({"camera", {0.5F, 0.25F, 0.25F}, {0.0F, 0.0F, 1.0F}});
  return feedback;
}

inline void publish(stream::ControlLink& link, const stream::Packet& packet) {
  link.outgoing() = encode(packet);
  link.publish();
}

/// On any free ports.
inline stream::ControlLinkOptions any_ports() {
  stream::ControlLinkOptions options;
  options.packets = options.feedback = "tcp://127.0.0.1:*";
  return options;
}

inline stream::ModelLinkOptions model_of(const stream::ControlLink& link) {
  stream::ModelLinkOptions options;
  options.packets = link.packets_endpoint();
  options.feedback = link.feedback_endpoint();
  return options;
}

/// False if it does not become true in time.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds patience = long_enough) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

/// Publishes packets from `tick` on until the model gets one; returns its tick, or -1.
inline std::int64_t publish_until_received(stream::ControlLink& link, stream::ModelLink& model,
                                           std::int64_t& tick) {
  stream::Packet packet;
  packet.tick = -1;
  const bool came = eventually([&] {
    publish(link, tick_packet(tick++));
    return model.receive(packet, std::chrono::milliseconds{5}) == stream::ReceiveStatus::message;
  });
  return came ? packet.tick.value_or(-1) : -1;
}

}  // namespace sluice::test

// Sends binary messages over ZeroMQ: the common ground of PacketSender and FeatureSender.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/io/endpoint.h"

namespace sluice::stream {

enum class SendPattern : std::uint8_t {
  push,     ///< every message to one of the consumers; send() waits for a slow or absent one
  publish,  ///< every message to all consumers; those that are slow or absent miss messages
};

struct SenderOptions {
  SendPattern pattern = SendPattern::push;
  Attach attach = Attach::bind;
  /// Permits listening on more than the loopback interface.
  bool allow_remote = false;
  /// Messages waiting here per consumer: more rides out longer pauses, fewer keep data fresh. The
  /// consumer has a queue of its own, and the network's buffers lie in between.
  int queue = 8;
  /// Publishing only: keep one message, the newest, instead of a queue (ZMQ_CONFLATE). Up to
  /// libzmq 4.3.5 a message sent at the very moment when the one before it leaves may be lost and
  /// its memory with it: rare at the rates of control loops, but no option for sending in bursts.
  bool latest_only = false;
  /// How long closing may take to hand over messages still queued, ms. They are lost afterwards.
  int linger_ms = 2000;
  /// Packets only: note the wall-clock time of sending, for receivers to measure latency with. Off,
  /// the same input gives the same bytes.
  bool stamp_wall_clock = true;
};

enum class SendStatus : std::uint8_t { sent, timed_out, stopped };

/// One socket, to be used by one thread at a time. "Sent" means handed to ZeroMQ's queue: messages
/// queued for a consumer that dies are lost, which the consumer's successor sees as a gap in
/// sequence numbers. Memory is bounded by the queue.
class MessageSender {
 public:
  /// Throws sluice::Error: kind input for bad options or endpoints, system if the address is taken.
  MessageSender(const std::string& endpoint, const SenderOptions& options);
  MessageSender(MessageSender&&) noexcept;
  MessageSender& operator=(MessageSender&&) noexcept;
  ~MessageSender();

  /// Waits until there is room: for a consumer that is slow, restarting or not there yet. With a
  /// timeout no longer than that; without one, until `stop` becomes true. Published messages never
  /// wait.
  [[nodiscard]] SendStatus send(std::vector<std::byte> message,
                                std::optional<std::chrono::milliseconds> timeout = std::nullopt,
                                const std::atomic<bool>* stop = nullptr);
  /// Never waits. False: no consumer, or its queue is full; the message is gone.
  [[nodiscard]] bool try_send(std::vector<std::byte> message);
  /// True if try_send would find room now, so that a message need not be made in vain.
  [[nodiscard]] bool has_room();

  /// Changes how long closing may take, for who learns only at the end how much is worth waiting.
  void set_linger(std::chrono::milliseconds linger);

  /// Where the socket is: with the real port, where the endpoint asked for any.
  [[nodiscard]] const std::string& endpoint() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream

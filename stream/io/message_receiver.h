// Receives binary messages over ZeroMQ: the common ground of PacketReceiver and FeatureReceiver.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "stream/io/endpoint.h"

namespace sluice::stream {

enum class ReceivePattern : std::uint8_t {
  pull,       ///< the other end pushes
  subscribe,  ///< the other end publishes
};

struct ReceiverOptions {
  ReceivePattern pattern = ReceivePattern::pull;
  Attach attach = Attach::connect;
  /// Permits listening on more than the loopback interface.
  bool allow_remote = false;
  /// Messages waiting here. Once it is full the sender waits (pull) or drops (subscribe).
  int queue = 8;
  /// Keep one message, the newest, instead of a queue (ZMQ_CONFLATE); see
  /// SenderOptions::latest_only.
  bool latest_only = false;
  /// Bytes. A peer that sends a larger message is cut off before it fills our memory; it may
  /// connect again. The message is lost.
  std::int64_t max_message = std::int64_t{256} << 20;
};

enum class ReceiveStatus : std::uint8_t {
  message,    ///< there is one
  malformed,  ///< there was one, but it is not what was expected; the next may be fine
  timed_out,
  stopped,
};

/// One socket, to be used by one thread at a time.
class MessageReceiver {
 public:
  /// Throws sluice::Error: kind input for bad options or endpoints, system if the address is taken.
  MessageReceiver(const std::string& endpoint, const ReceiverOptions& options);
  MessageReceiver(MessageReceiver&&) noexcept;
  MessageReceiver& operator=(MessageReceiver&&) noexcept;
  ~MessageReceiver();

  /// Waits for a message: no longer than the timeout, without one until `stop` becomes true.
  /// `malformed`: it came in several parts, or is larger than allowed.
  [[nodiscard]] ReceiveStatus receive(
      std::optional<std::chrono::milliseconds> timeout = std::nullopt,
      const std::atomic<bool>* stop = nullptr);

  /// The message that receive() got last; valid until the next call.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  /// What is wrong with it, after `malformed`.
  [[nodiscard]] const std::string& problem() const noexcept;
  /// Where the socket is: with the real port, where the endpoint asked for any.
  [[nodiscard]] const std::string& endpoint() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream

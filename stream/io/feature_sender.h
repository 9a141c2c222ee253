// Sends features from an encoder's process to the engine over ZeroMQ.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "stream/feature_message.h"
#include "stream/io/message_sender.h"

namespace sluice::stream {

/// The encoder's end of a FeatureReceiver.
class FeatureSender {
 public:
  /// By default it connects, since the engine listens. Throws sluice::Error: kind input for bad
  /// options or endpoints, system if the address is taken.
  explicit FeatureSender(const std::string& endpoint,
                         const SenderOptions& options = {.attach = Attach::connect});

  /// Numbers the message (`message.sequence`) and sends it. Waits until there is room, no longer
  /// than the timeout; without one until `stop` becomes true. The last message of a stream has
  /// `end_of_stream` set. Throws sluice::Error for inconsistent messages.
  [[nodiscard]] SendStatus send(FeatureMessage& message,
                                std::optional<std::chrono::milliseconds> timeout = std::nullopt,
                                const std::atomic<bool>* stop = nullptr);

  /// Never waits. False if there is no receiver or its queue is full; the message counts as lost.
  [[nodiscard]] bool try_send(FeatureMessage& message);

  /// Where the socket is: with the real port, where the endpoint asked for any.
  [[nodiscard]] const std::string& endpoint() const noexcept { return sender_.endpoint(); }

 private:
  MessageSender sender_;
  std::int64_t next_sequence_ = 0;
};

}  // namespace sluice::stream

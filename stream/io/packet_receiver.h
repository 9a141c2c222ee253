// Receives packets over ZeroMQ, as docs/packet.md specifies.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "stream/io/message_receiver.h"
#include "stream/packet.h"

namespace sluice::stream {

class PacketReceiver {
 public:
  /// Throws sluice::Error: kind input for bad options or endpoints, system if the address is taken.
  explicit PacketReceiver(const std::string& endpoint, const ReceiverOptions& options = {});

  /// Waits for a packet: no longer than the timeout, without one until `stop` becomes true.
  /// `packet` is filled if the status is `message`. What is no valid packet is reported as
  /// `malformed` and counted; receiving goes on with the next call.
  [[nodiscard]] ReceiveStatus receive(
      Packet& packet, std::optional<std::chrono::milliseconds> timeout = std::nullopt,
      const std::atomic<bool>* stop = nullptr);

  /// The message that receive() got last, as it came: a safetensors file. Valid until the next
  /// call.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return receiver_.bytes(); }
  /// What is wrong with it, after `malformed`.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] std::int64_t malformed() const noexcept { return malformed_; }
  /// Where the socket is: with the real port, where the endpoint asked for any.
  [[nodiscard]] const std::string& endpoint() const noexcept { return receiver_.endpoint(); }

 private:
  MessageReceiver receiver_;
  std::string problem_;
  std::int64_t malformed_ = 0;
};

}  // namespace sluice::stream

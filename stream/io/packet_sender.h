// Sends packets over ZeroMQ, one frame each, as docs/packet.md specifies.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "stream/io/message_sender.h"
#include "stream/packet.h"

namespace sluice::stream {

/// One endpoint carries one stream: latest-wins sockets keep one message in all, not one per
/// stream.
///
/// A recording is sent with send(), which waits for the consumer in bounded memory. A live stream
/// is sent with try_send(), which never waits: when it returns false, the caller drops the whole
/// segment and counts it (promise 8).
class PacketSender {
 public:
  /// Throws sluice::Error: kind input for bad options or endpoints, system if the address is taken.
  explicit PacketSender(const std::string& endpoint, const SenderOptions& options = {});

  /// Sets `packet.sent_unix_ns` if the options say so, and sends. Waits until there is room, no
  /// longer than the timeout; without a timeout until `stop` becomes true. Throws sluice::Error for
  /// inconsistent packets.
  [[nodiscard]] SendStatus send(Packet& packet,
                                std::optional<std::chrono::milliseconds> timeout = std::nullopt,
                                const std::atomic<bool>* stop = nullptr);

  /// Sets `packet.sent_unix_ns` and sends, or returns false if there is no consumer or its queue is
  /// full. Never waits, and encodes only if there is room.
  [[nodiscard]] bool try_send(Packet& packet);

  /// Changes how long closing may take to hand over packets still queued.
  void set_linger(std::chrono::milliseconds linger) { sender_.set_linger(linger); }

  /// Where the socket is: with the real port, where the endpoint asked for any.
  [[nodiscard]] const std::string& endpoint() const noexcept { return sender_.endpoint(); }

 private:
  MessageSender sender_;
  bool stamp_;
};

}  // namespace sluice::stream

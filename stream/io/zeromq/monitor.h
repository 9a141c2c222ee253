// What happens to a socket's connections (zmq_socket_monitor). Private.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "stream/io/zeromq/socket.h"

namespace sluice::stream::zeromq {

/// Lives shorter than the socket it watches, and must be read: ZeroMQ waits for a reader that is
/// thousands of events behind. Connections within the process (inproc) make no events.
class Monitor {
 public:
  /// `events`: ZMQ_EVENT_…, combined.
  Monitor(Socket& watched, int events);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor();

  /// To poll for input.
  [[nodiscard]] void* handle() noexcept { return events_.handle.handle(); }
  /// The oldest event not read yet.
  [[nodiscard]] std::optional<int> next();

 private:
  Socket& watched_;
  Socket events_;
};

/// Counts the peers of a listening socket. read() belongs to one thread, the counts to any.
///
/// ZeroMQ's events do not say which connection they are about. While a handshake is under way, or a
/// peer that was refused is being thrown out (a second at most), the end of another connection may
/// be taken for its end, and is counted once that is settled.
class PeerCounts {
 public:
  explicit PeerCounts(Socket& listening);

  [[nodiscard]] void* handle() noexcept { return monitor_.handle(); }
  void read();

  /// Those whose handshake succeeded, and those of them that ended.
  [[nodiscard]] std::int64_t connections() const noexcept { return connections_; }
  [[nodiscard]] std::int64_t disconnections() const noexcept { return disconnections_; }
  /// Handshakes that failed for their contents, not because the peer went away meanwhile.
  [[nodiscard]] std::int64_t refused() const noexcept { return refused_; }

 private:
  void count(int event) noexcept;

  Monitor monitor_;
  std::atomic<std::int64_t> connections_ = 0, disconnections_ = 0, refused_ = 0;
  std::int64_t accepted_ = 0;  // connections there are, from their first moment
  std::int64_t greeting_ = 0;  // of them, without a handshake that succeeded
};

/// Notices that ZeroMQ has given up on a connecting socket's connection. It does so for good after
/// every error of protocol: a message too large, a handshake refused. The remedy is
/// Socket::attach_again. read() and patience() belong to one thread, take() to any.
class GivenUp {
 public:
  explicit GivenUp(Socket& connecting);

  [[nodiscard]] void* handle() noexcept { return monitor_.handle(); }
  /// Also to be called once patience() is over.
  void read();
  /// How long to wait for the next event; -1 ms: for ever.
  [[nodiscard]] std::chrono::milliseconds patience() const noexcept;
  /// True once per connection given up.
  [[nodiscard]] bool take() noexcept { return given_up_.exchange(false); }

 private:
  Monitor monitor_;
  std::optional<std::chrono::steady_clock::time_point> lost_at_;
  std::atomic<bool> given_up_ = false;
};

}  // namespace sluice::stream::zeromq

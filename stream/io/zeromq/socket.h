// What our ZeroMQ sockets have in common. Private: included by .cpp files only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <zmq.hpp>

#include "kernels/error.h"
#include "stream/io/endpoint.h"

namespace sluice::stream::zeromq {

/// How often a waiting call looks at its stop flag.
inline constexpr std::chrono::milliseconds wait_slice{20};

/// The context of this process: inproc endpoints only meet within one. It ends with its last user.
[[nodiscard]] std::shared_ptr<zmq::context_t> shared_context();

/// For threads of ours: signals are the program's business, and would interrupt calls half-way.
void leave_signals_to_others() noexcept;

/// A socket that keeps its context alive.
struct Socket {
  std::shared_ptr<zmq::context_t> context;
  zmq::socket_t handle;

  /// Settings for all our sockets: quick reconnects, detection of dead peers, bounded linger.
  Socket(zmq::socket_type type, int linger_ms);
  /// Binds or connects, and returns the endpoint as it is now (a wildcard port is a number then).
  /// Throws sluice::Error: kind system if the address is in use, input if there is no such address.
  std::string attach(const Endpoint& endpoint, Attach attach);
  /// Connects anew, where ZeroMQ has given up: see GivenUp.
  void attach_again(const Endpoint& endpoint);
  /// Before attach(): makes both ends notice within about `timeout` that the other is stopped or
  /// cut off, and whoever connects try again soon. Only for sockets whose messages are always
  /// read at once, at both ends: see the constructor. Throws sluice::Error (kind input).
  void watch_peers(std::chrono::milliseconds heartbeat, std::chrono::milliseconds timeout);
  /// After a message with more(): takes the rest of it, without waiting since parts arrive
  /// together. Returns how many parts that were.
  int drop_further_parts();
};

/// A deadline that may be missing, and a stop flag that may be missing.
class Patience {
 public:
  Patience(std::optional<std::chrono::milliseconds> timeout) noexcept;
  [[nodiscard]] bool exhausted() const noexcept;
  /// Milliseconds to wait before looking again; at least 0.
  [[nodiscard]] int slice_ms() const noexcept;

 private:
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

[[nodiscard]] Error translate(const zmq::error_t& error, std::string_view where,
                              std::string_view action);

}  // namespace sluice::stream::zeromq

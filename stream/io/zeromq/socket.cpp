#include "stream/io/zeromq/socket.h"

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace sluice::stream::zeromq {

std::shared_ptr<zmq::context_t> shared_context() {
  static std::mutex mutex;
  static std::weak_ptr<zmq::context_t> current;
  const std::lock_guard lock(mutex);
  auto context = current.lock();
  if (!context) {
    context = std::make_shared<zmq::context_t>();
    current = context;
  }
  return context;
}

Socket::Socket(zmq::socket_type type, int linger_ms)
    : context(shared_context()), handle(*context, type) {
  namespace option = zmq::sockopt;
  handle.set(option::linger, linger_ms);
  handle.set(option::reconnect_ivl, 100);
  handle.set(option::reconnect_ivl_max, 0);
  // ZeroMQ's own heartbeat would take a slow reader for a dead one, since a full queue is not read.
  handle.set(option::tcp_keepalive, 1);
  handle.set(option::tcp_keepalive_idle, 10);
  handle.set(option::tcp_keepalive_intvl, 5);
  handle.set(option::tcp_keepalive_cnt, 3);
}

std::string Socket::attach(const Endpoint& endpoint, Attach attach) {
  try {
    // Only where asked for: it would turn IPv4 endpoints into "[::ffff:127.0.0.1]".
    const bool is_ipv6 = endpoint.address.find(':') != std::string::npos;
    if (endpoint.transport == Transport::tcp) handle.set(zmq::sockopt::ipv6, is_ipv6);
    if (attach == Attach::bind) {
      handle.bind(endpoint.text);
    } else {
      handle.connect(endpoint.text);
    }
    return handle.get(zmq::sockopt::last_endpoint);
  } catch (const zmq::error_t& error) {
    throw translate(error, endpoint.text,
                    attach == Attach::bind ? "cannot be listened on" : "cannot be connected to");
  }
}

Patience::Patience(std::optional<std::chrono::milliseconds> timeout) noexcept {
  // Far away counts as never, and does not overflow.
  if (timeout && *timeout < std::chrono::hours(24 * 365)) {
    deadline_ = std::chrono::steady_clock::now() + *timeout;
  }
}

bool Patience::exhausted() const noexcept {
  return deadline_ && std::chrono::steady_clock::now() >= *deadline_;
}

int Patience::slice_ms() const noexcept {
  if (!deadline_) return static_cast<int>(wait_slice.count());
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds{0}, wait_slice).count());
}

Error translate(const zmq::error_t& error, std::string_view where, std::string_view action) {
  const std::string what = concat(action, ": ", error.what());
  switch (error.num()) {
    case ENODEV:
    case EINVAL:
    case EPROTONOSUPPORT:
    case EACCES:
    case ENAMETOOLONG: return input_error(where, what);
    default: return system_error(where, what);
  }
}

}  // namespace sluice::stream::zeromq

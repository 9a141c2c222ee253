#include "stream/io/zeromq/socket.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace sluice::stream::zeromq {
namespace {

using namespace std::chrono_literals;

void check_heartbeat(std::chrono::milliseconds heartbeat, std::chrono::milliseconds timeout) {
  if (heartbeat < 10ms || heartbeat > 1h)
    throw input_error("heartbeat", concat("is ", heartbeat.count(), " ms"), "10 ms to an hour");
  if (timeout < 20ms || timeout < heartbeat || timeout > 1h)
    throw input_error("heartbeat_timeout", concat("is ", timeout.count(), " ms"),
                      "20 ms to an hour, and no less than the heartbeat");
}

}  // namespace

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

void leave_signals_to_others() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  // Those that say that this very thread is broken.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    sigdelset(&signals, fault);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
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

void Socket::watch_peers(std::chrono::milliseconds heartbeat, std::chrono::milliseconds timeout) {
  namespace option = zmq::sockopt;
  check_heartbeat(heartbeat, timeout);
  const int timeout_ms = static_cast<int>(timeout.count());
  handle.set(option::heartbeat_ivl, static_cast<int>(heartbeat.count()));
  handle.set(option::heartbeat_timeout, timeout_ms);
  // For the other end, which may not have asked for heartbeats; in steps of a tenth of a second.
  handle.set(option::heartbeat_ttl, std::max(timeout_ms, 100));
  // A host that went away answers nothing, and TCP would ask it less and less often.
  handle.set(option::connect_timeout, 500);
  handle.set(option::handshake_ivl, std::max(timeout_ms, 1000));
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

void Socket::attach_again(const Endpoint& endpoint) {
  zmq_disconnect(handle.handle(), endpoint.text.c_str());  // fails if nothing is left of it
  attach(endpoint, Attach::connect);
}

int Socket::drop_further_parts() {
  int parts = 0;
  zmq::message_t part;
  while (handle.get(zmq::sockopt::rcvmore)) {
    if (!handle.recv(part, zmq::recv_flags::dontwait)) break;
    ++parts;
  }
  return parts;
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

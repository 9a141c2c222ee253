#include "stream/io/zeromq/monitor.h"

#include <algorithm>
#include <cstring>

namespace sluice::stream::zeromq {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int handshake_refused =
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
constexpr int peer_events =
    ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | handshake_refused;
/// What ZeroMQ does within a moment of losing a connection, unless it gives up.
constexpr int tries_again =
    ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECTED;
constexpr milliseconds a_moment{100};

std::string unique_address() {
  static std::atomic<std::uint64_t> next = 0;
  return concat("inproc://sluice.monitor.", next++);
}

}  // namespace

Monitor::Monitor(Socket& watched, int events)
    : watched_(watched), events_(zmq::socket_type::pair, 0) {
  const std::string address = unique_address();
  if (zmq_socket_monitor(watched.handle.handle(), address.c_str(), events) != 0)
    throw translate(zmq::error_t(), "socket", "cannot be monitored");
  events_.handle.connect(address);
}

Monitor::~Monitor() {
  zmq_socket_monitor(watched_.handle.handle(), nullptr, 0);
}

std::optional<int> Monitor::next() {
  // Two frames: the event's number and value, and the address.
  zmq::message_t event, address;
  if (!events_.handle.recv(event, zmq::recv_flags::dontwait)) return std::nullopt;
  if (event.more()) (void)events_.handle.recv(address, zmq::recv_flags::dontwait);
  std::uint16_t number = 0;
  if (event.size() >= sizeof number) std::memcpy(&number, event.data(), sizeof number);
  return number;
}

PeerCounts::PeerCounts(Socket& listening) : monitor_(listening, peer_events) {}

void PeerCounts::read() {
  while (const auto event = monitor_.next()) count(*event);
}

void PeerCounts::count(int event) noexcept {
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      ++accepted_;
      ++greeting_;
      break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      ++connections_;
      greeting_ = std::max<std::int64_t>(greeting_ - 1, 0);
      break;
    case ZMQ_EVENT_DISCONNECTED:
      --accepted_;
      greeting_ = std::max<std::int64_t>(greeting_ - 1, 0);
      break;
    default: ++refused_; break;
  }
  // What is neither open nor on the way in has gone. A wrong guess above is put right here.
  disconnections_ = connections_ - (accepted_ - greeting_);
}

GivenUp::GivenUp(Socket& connecting) : monitor_(connecting, ZMQ_EVENT_DISCONNECTED | tries_again) {}

void GivenUp::read() {
  while (const auto event = monitor_.next()) {
    if (*event == ZMQ_EVENT_DISCONNECTED) {
      lost_at_ = steady_clock::now();
    } else {
      lost_at_.reset();
    }
  }
  if (lost_at_ && steady_clock::now() - *lost_at_ >= a_moment) {
    lost_at_.reset();
    given_up_ = true;
  }
}

milliseconds GivenUp::patience() const noexcept {
  return lost_at_ ? a_moment : milliseconds{-1};
}

}  // namespace sluice::stream::zeromq

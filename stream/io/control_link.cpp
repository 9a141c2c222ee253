#include "stream/io/control_link.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>

#include "kernels/error.h"
#include "kernels/touched_memory.h"
#include "stream/bounded_queue.h"
#include "stream/io/zeromq/authenticator.h"
#include "stream/io/zeromq/handover.h"
#include "stream/io/zeromq/monitor.h"
#include "stream/io/zeromq/socket.h"
#include "stream/io/zeromq/wake_event.h"
#include "stream/latest_slot.h"

namespace sluice::stream {
namespace {

using std::chrono::steady_clock;

/// How long closing may take to hand the last packet to the network.
constexpr int linger_ms = 250;
/// Per model, before a newer one is dropped: what lies in a queue only gets older. Besides, the
/// network's buffers hold some, so these are kept small: a model that was stopped for a moment
/// finds at most that much of the past.
constexpr int packet_queue = 1;
constexpr int network_buffer = 256 << 10;
/// Feedback messages taken before looking whether a packet is waiting.
constexpr int feedback_burst = 16;

void check_options(const ControlLinkOptions& options) {
  if (options.max_feedback < 1)
    throw input_error("link", concat("max_feedback is ", options.max_feedback), "1 byte or more");
  if (options.feedback_queue < 1 || options.feedback_queue > 100'000)
    throw input_error("link", concat("feedback_queue is ", options.feedback_queue),
                      "1 to 100000 messages");
}

std::string warning_about(const ControlLinkOptions& options) {
  if (options.curve) return {};
  std::string open;
  for (const std::string& text : {options.packets, options.feedback}) {
    if (!is_local(parse_endpoint(text))) open += (open.empty() ? "" : " and ") + text;
  }
  if (open.empty()) return {};
  return open +
         ": open to other machines without encryption or authentication: whoever can reach it may "
         "read packets and send feedback. CURVE keys (sluice keys) prevent that";
}

/// Counts of one thread, read by any.
using Count = std::atomic<std::int64_t>;

void add_one(Count& count) noexcept {
  count.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

struct ControlLink::State {
  // Between the tick's thread and the link's.
  LatestSlot<std::vector<std::byte>> outgoing;
  BoundedQueue<ReceivedFeedback> incoming;
  zeromq::WakeEvent wake;
  std::atomic<bool> stopping = false;
  Count published = 0, replaced = 0, sent = 0, received = 0, malformed = 0, lost = 0;

  // The link's thread's, once it runs.
  std::int64_t max_feedback;
  std::optional<zeromq::Admission> admission;
  zeromq::Socket packets, feedback;
  zeromq::PeerCounts packet_peers, feedback_peers;

  std::string packets_endpoint, feedback_endpoint, warning;
  std::thread thread;

  explicit State(const ControlLinkOptions& options)
      : incoming(options.feedback_queue),
        max_feedback(options.max_feedback),
        packets(zmq::socket_type::pub, linger_ms),
        feedback(zmq::socket_type::pull, 0),
        packet_peers(packets),
        feedback_peers(feedback),
        warning(warning_about(options)) {
    const bool encrypted = options.curve.has_value();
    const auto checked = [&](const std::string& endpoint) {
      return check_endpoint(endpoint, Attach::bind, options.allow_remote, encrypted);
    };
    const Endpoint packets_at = checked(options.packets), feedback_at = checked(options.feedback);
    if (encrypted) admission.emplace(*options.curve);
    for (zeromq::Socket* socket : {&packets, &feedback}) {
      socket->watch_peers(options.heartbeat, options.heartbeat_timeout);
      if (admission) admission->secure(*socket);
    }
    packets.handle.set(zmq::sockopt::sndhwm, packet_queue);
    packets.handle.set(zmq::sockopt::sndbuf, network_buffer);
    feedback.handle.set(zmq::sockopt::rcvhwm, static_cast<int>(options.feedback_queue));
    feedback.handle.set(zmq::sockopt::maxmsgsize, options.max_feedback);
    packets_endpoint = packets.attach(packets_at, Attach::bind);
    feedback_endpoint = feedback.attach(feedback_at, Attach::bind);
    outgoing.prepare([&options](std::vector<std::byte>& blob) {
      kernels::reserve_touched(blob, options.packet_bytes);
    });
    thread = std::thread([this] { run(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (!thread.joinable()) return;
    stopping = true;
    wake.set();
    thread.join();
  }

  void run() noexcept {
    zeromq::leave_signals_to_others();
    for (bool last = false; !last;) {
      last = stopping;
      try {
        if (!last) wait();
        wake.clear();
        packet_peers.read();
        feedback_peers.read();
        send_newest();
        receive_some();
      } catch (const std::exception&) {  // a signal, or no memory: that message is lost
      }
    }
  }

  void wait() {
    // Publishing sockets have nothing to read, but take in new models while they are polled.
    std::array<zmq::pollitem_t, 5> items{{{nullptr, wake.descriptor(), ZMQ_POLLIN, 0},
                                          {packets.handle.handle(), 0, ZMQ_POLLIN, 0},
                                          {feedback.handle.handle(), 0, ZMQ_POLLIN, 0},
                                          {packet_peers.handle(), 0, ZMQ_POLLIN, 0},
                                          {feedback_peers.handle(), 0, ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds{-1});
  }

  [[nodiscard]] bool connected() const noexcept {
    return packet_peers.connections() > packet_peers.disconnections();
  }

  void send_newest() {
    if (!outgoing.update()) return;
    const std::vector<std::byte>& blob = outgoing.latest();
    // A copy, since ZeroMQ keeps it for as long as the slowest model takes.
    zmq::message_t message(blob.size());
    std::memcpy(message.data(), blob.data(), blob.size());
    zeromq::hand_over(message.data());
    if (packets.handle.send(message, zmq::send_flags::dontwait) && connected()) add_one(sent);
  }

  void receive_some() {
    for (int i = 0; i < feedback_burst; ++i) {
      zmq::message_t message;
      if (!feedback.handle.recv(message, zmq::recv_flags::dontwait)) return;
      const auto arrival = steady_clock::now();
      add_one(received);
      if (!take(message, arrival)) add_one(malformed);
    }
  }

  /// False if it is no feedback.
  bool take(zmq::message_t& message, steady_clock::time_point arrival) {
    zeromq::take_over(message.data());
    if (message.more()) {
      feedback.drop_further_parts();
      return false;
    }
    if (std::cmp_greater(message.size(), max_feedback)) return false;
    const auto* data = static_cast<const std::byte*>(message.data());
    try {
      Feedback decoded = decode_feedback({data, message.size()}, feedback_endpoint);
      ReceivedFeedback* place = incoming.vacant();
      if (place == nullptr) {
        add_one(lost);
        return true;
      }
      place->bytes.assign(data, data + message.size());
      place->feedback = std::move(decoded);
      place->arrival = arrival;
      incoming.push();
    } catch (const Error&) {
      return false;
    }
    return true;
  }
};

ControlLink::ControlLink(const ControlLinkOptions& options) {
  check_options(options);
  state_ = std::make_unique<State>(options);
}
ControlLink::~ControlLink() = default;

std::vector<std::byte>& ControlLink::outgoing() noexcept {
  return state_->outgoing.writable();
}

void ControlLink::publish() noexcept {
  add_one(state_->published);
  if (!state_->outgoing.publish()) add_one(state_->replaced);
  state_->wake.set();
}

ReceivedFeedback* ControlLink::feedback() noexcept {
  return state_->incoming.front();
}

void ControlLink::feedback_done() noexcept {
  state_->incoming.pop();
}

LinkCounts ControlLink::counts() const noexcept {
  LinkCounts counts;
  counts.published = state_->published;
  counts.replaced = state_->replaced;
  counts.sent = state_->sent;
  counts.feedback = state_->received;
  counts.malformed = state_->malformed;
  counts.feedback_lost = state_->lost;
  // In this order, so that there are never more departures than arrivals.
  counts.disconnections = state_->packet_peers.disconnections();
  counts.connections = state_->packet_peers.connections();
  counts.refused = state_->packet_peers.refused() + state_->feedback_peers.refused();
  return counts;
}

const std::string& ControlLink::packets_endpoint() const noexcept {
  return state_->packets_endpoint;
}
const std::string& ControlLink::feedback_endpoint() const noexcept {
  return state_->feedback_endpoint;
}
const std::string& ControlLink::warning() const noexcept {
  return state_->warning;
}

}  // namespace sluice::stream

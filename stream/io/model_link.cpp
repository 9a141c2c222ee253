#include "stream/io/model_link.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <span>
#include <thread>
#include <utility>

#include "kernels/error.h"
#include "stream/io/zeromq/authenticator.h"
#include "stream/io/zeromq/handover.h"
#include "stream/io/zeromq/monitor.h"
#include "stream/io/zeromq/socket.h"
#include "stream/io/zeromq/wake_event.h"
#include "stream/latest_slot.h"

namespace sluice::stream {
namespace {

/// Messages that may wait within ZeroMQ: packets until our thread takes them, which is at once;
/// feedback until the network does.
constexpr int packet_queue = 1;
constexpr int feedback_queue = 4;
constexpr int feedback_linger_ms = 100;
constexpr int network_buffer = 256 << 10;  // see control_link.cpp

struct Arrival {
  zmq::message_t message;
  int parts = 1;
};

/// Connects, and again where ZeroMQ would give up. Belongs to one thread; `watch` may be read by
/// another.
struct Connection {
  zeromq::Socket socket;
  zeromq::GivenUp watch;
  Endpoint endpoint;

  Connection(zmq::socket_type type, const std::string& address)
      : socket(type, 0), watch(socket), endpoint(check_endpoint(address, Attach::connect, false)) {}

  void open(const ModelLinkOptions& options) {
    socket.watch_peers(options.heartbeat, options.heartbeat_timeout);
    if (options.curve) zeromq::use_curve(socket, *options.curve);
    socket.attach(endpoint, Attach::connect);
  }
  void repair() {
    if (watch.take()) socket.attach_again(endpoint);
  }
};

}  // namespace

struct ModelLink::State {
  // Between the link's thread and the model's.
  LatestSlot<Arrival> newest;
  zeromq::WakeEvent arrived, leave;
  std::atomic<bool> stopping = false;

  Connection packets;                  // the link's thread's, once it runs
  std::optional<Connection> feedback;  // the model's thread's
  std::string problem;
  std::int64_t max_packet;
  std::thread thread;

  explicit State(const ModelLinkOptions& options)
      : packets(zmq::socket_type::sub, options.packets), max_packet(options.max_packet) {
    zmq::socket_t& subscriber = packets.socket.handle;
    subscriber.set(zmq::sockopt::rcvhwm, packet_queue);
    subscriber.set(zmq::sockopt::rcvbuf, network_buffer);
    subscriber.set(zmq::sockopt::maxmsgsize, options.max_packet);
    subscriber.set(zmq::sockopt::subscribe, "");
    packets.open(options);
    if (!options.feedback.empty()) {
      feedback.emplace(zmq::socket_type::push, options.feedback);
      feedback->socket.handle.set(zmq::sockopt::sndhwm, feedback_queue);
      // Nothing is kept for a loop that is not there: it would be stale.
      feedback->socket.handle.set(zmq::sockopt::immediate, true);
      // The last answer leaves even if the program ends right behind it.
      feedback->socket.handle.set(zmq::sockopt::linger, feedback_linger_ms);
      feedback->open(options);
    }
    thread = std::thread([this] { run(); });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (!thread.joinable()) return;
    stopping = true;
    leave.set();
    thread.join();
  }

  /// Takes every packet at once, for two reasons. Heartbeats only work while messages are read,
  /// however long the model thinks. And ZeroMQ's own way to keep the newest (ZMQ_CONFLATE) may lose
  /// a message, and its memory, when it is asked for one at the moment the next arrives.
  void run() noexcept {
    zeromq::leave_signals_to_others();
    while (!stopping) {
      try {
        wait();
        packets.watch.read();
        packets.repair();
        if (feedback) feedback->watch.read();
        while (!stopping && take_one()) {
        }
      } catch (const std::exception&) {  // a signal, or no memory: that packet is lost
      }
    }
  }

  void wait() {
    std::array<zmq::pollitem_t, 4> items{
        {{packets.socket.handle.handle(), 0, ZMQ_POLLIN, 0},
         {nullptr, leave.descriptor(), ZMQ_POLLIN, 0},
         {packets.watch.handle(), 0, ZMQ_POLLIN, 0},
         {feedback ? feedback->watch.handle() : packets.watch.handle(), 0, ZMQ_POLLIN, 0}}};
    auto patience = packets.watch.patience();
    if (feedback && patience.count() < 0) patience = feedback->watch.patience();
    zmq::poll(items.data(), items.size(), patience);
  }

  bool take_one() {
    Arrival& arrival = newest.writable();
    if (!packets.socket.handle.recv(arrival.message, zmq::recv_flags::dontwait)) return false;
    zeromq::take_over(arrival.message.data());
    arrival.parts = arrival.message.more() ? 1 + packets.socket.drop_further_parts() : 1;
    newest.publish();
    arrived.set();
    return true;
  }

  ReceiveStatus decode(Packet& packet) {
    const Arrival& arrival = newest.latest();
    const std::size_t size = arrival.message.size();
    problem.clear();
    if (arrival.parts > 1) {
      problem = concat("message of ", arrival.parts, " parts instead of one");
    } else if (std::cmp_greater(size, max_packet)) {
      problem = concat("message of ", size, " bytes, more than the ", max_packet, " allowed");
    } else {
      try {
        packet = decode_packet({static_cast<const std::byte*>(arrival.message.data()), size},
                               packets.endpoint.text);
      } catch (const Error& error) {
        problem = error.what();
      }
    }
    return problem.empty() ? ReceiveStatus::message : ReceiveStatus::malformed;
  }
};

ModelLink::ModelLink(const ModelLinkOptions& options) {
  if (options.max_packet < 1)
    throw input_error("link", concat("max_packet is ", options.max_packet), "1 byte or more");
  state_ = std::make_unique<State>(options);
}
ModelLink::ModelLink(ModelLink&&) noexcept = default;
ModelLink& ModelLink::operator=(ModelLink&&) noexcept = default;
ModelLink::~ModelLink() = default;

ReceiveStatus ModelLink::receive(Packet& packet, std::optional<std::chrono::milliseconds> timeout,
                                 const std::atomic<bool>* stop) {
  const zeromq::Patience patience(timeout);
  for (;;) {
    if (stop != nullptr && stop->load()) return ReceiveStatus::stopped;
    state_->arrived.clear();  // before looking, so that none is missed
    if (state_->newest.update()) return state_->decode(packet);
    if (patience.exhausted()) return ReceiveStatus::timed_out;
    pollfd readable{.fd = state_->arrived.descriptor(), .events = POLLIN, .revents = 0};
    ::poll(&readable, 1, patience.slice_ms());
  }
}

const std::string& ModelLink::problem() const noexcept {
  return state_->problem;
}

bool ModelLink::send(const Feedback& feedback) {
  const std::vector<std::byte> bytes = encode(feedback);
  if (!state_->feedback) return false;
  zmq::message_t message(bytes.data(), bytes.size());
  zeromq::hand_over(message.data());
  try {
    state_->feedback->repair();
    return state_->feedback->socket.handle.send(message, zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return false;
    throw zeromq::translate(error, state_->feedback->endpoint.text, "sending failed");
  }
}

}  // namespace sluice::stream

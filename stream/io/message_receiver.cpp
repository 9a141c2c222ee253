#include "stream/io/message_receiver.h"

#include <cerrno>
#include <utility>

#include "stream/io/zeromq/handover.h"
#include "stream/io/zeromq/socket.h"

namespace sluice::stream {
namespace {

void check_options(const ReceiverOptions& options) {
  if (options.queue < 1 || options.queue > 100'000) {
    throw input_error("receiver", concat("queue is ", options.queue), "1 to 100000 messages");
  }
  if (options.max_message < 1) {
    throw input_error("receiver", concat("max_message is ", options.max_message), "1 byte or more");
  }
}

}  // namespace

struct MessageReceiver::State {
  zeromq::Socket socket;
  std::string endpoint;
  std::int64_t max_message;
  zmq::message_t message;
  std::string problem;

  State(const std::string& address, const ReceiverOptions& options)
      : socket(options.pattern == ReceivePattern::pull ? zmq::socket_type::pull
                                                       : zmq::socket_type::sub,
               0),
        max_message(options.max_message) {
    const Endpoint checked = check_endpoint(address, options.attach, options.allow_remote);
    socket.handle.set(zmq::sockopt::rcvhwm, options.queue);
    socket.handle.set(zmq::sockopt::maxmsgsize, options.max_message);
    if (options.latest_only) socket.handle.set(zmq::sockopt::conflate, true);
    if (options.pattern == ReceivePattern::subscribe) {
      socket.handle.set(zmq::sockopt::subscribe, "");
    }
    endpoint = socket.attach(checked, options.attach);
  }

  /// True if a message, or the first part of one, came within `wait_ms`.
  bool poll(int wait_ms) {
    try {
      socket.handle.set(zmq::sockopt::rcvtimeo, wait_ms);
      return socket.handle.recv(message, zmq::recv_flags::none).has_value();
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) return false;  // a signal: the caller looks at its stop flag
      throw zeromq::translate(error, endpoint, "receiving failed");
    }
  }

  ReceiveStatus check() {
    zeromq::take_over(message.data());
    problem.clear();
    if (message.more()) {
      problem = concat("message of ", socket.drop_further_parts() + 1, " parts instead of one");
    } else if (std::cmp_greater(message.size(), max_message)) {
      problem =
          concat("message of ", message.size(), " bytes, more than the ", max_message, " allowed");
    }
    return problem.empty() ? ReceiveStatus::message : ReceiveStatus::malformed;
  }
};

MessageReceiver::MessageReceiver(const std::string& endpoint, const ReceiverOptions& options) {
  check_options(options);
  state_ = std::make_unique<State>(endpoint, options);
}
MessageReceiver::MessageReceiver(MessageReceiver&&) noexcept = default;
MessageReceiver& MessageReceiver::operator=(MessageReceiver&&) noexcept = default;
MessageReceiver::~MessageReceiver() = default;

ReceiveStatus MessageReceiver::receive(std::optional<std::chrono::milliseconds> timeout,
                                       const std::atomic<bool>* stop) {
  const zeromq::Patience patience(timeout);
  for (;;) {
    if (stop != nullptr && stop->load()) return ReceiveStatus::stopped;
    if (state_->poll(patience.slice_ms())) return state_->check();
    if (patience.exhausted()) return ReceiveStatus::timed_out;
  }
}

std::span<const std::byte> MessageReceiver::bytes() const noexcept {
  return {static_cast<const std::byte*>(state_->message.data()), state_->message.size()};
}
const std::string& MessageReceiver::problem() const noexcept {
  return state_->problem;
}
const std::string& MessageReceiver::endpoint() const noexcept {
  return state_->endpoint;
}

}  // namespace sluice::stream

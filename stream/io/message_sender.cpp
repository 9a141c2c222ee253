#include "stream/io/message_sender.h"

#include <cerrno>
#include <utility>

#include "stream/io/zeromq/handover.h"
#include "stream/io/zeromq/socket.h"

namespace sluice::stream {
namespace {

void check_options(const SenderOptions& options) {
  if (options.queue < 1 || options.queue > 100'000) {
    throw input_error("sender", concat("queue is ", options.queue), "1 to 100000 messages");
  }
  if (options.linger_ms < 0) {
    throw input_error("sender", concat("linger_ms is ", options.linger_ms), "0 or more");
  }
  if (options.latest_only && options.pattern != SendPattern::publish) {
    throw input_error("sender", "latest_only is set for pushed messages",
                      "latest_only with the publish pattern");
  }
}

/// A message that takes over the vector's memory: megabytes need not be copied.
zmq::message_t wrap(std::vector<std::byte> bytes) {
  auto owner = std::make_unique<std::vector<std::byte>>(std::move(bytes));
  const auto release = [](void* data, void* vector) {
    zeromq::take_over(data);
    delete static_cast<std::vector<std::byte>*>(vector);
  };
  zmq::message_t message(owner->data(), owner->size(), release, owner.get());
  zeromq::hand_over(owner->data());
  owner.release();  // NOLINT: the message owns it now
  return message;
}

}  // namespace

struct MessageSender::State {
  zeromq::Socket socket;
  std::string endpoint;

  State(const std::string& address, const SenderOptions& options)
      : socket(
            options.pattern == SendPattern::push ? zmq::socket_type::push : zmq::socket_type::pub,
            options.linger_ms) {
    const Endpoint checked = check_endpoint(address, options.attach, options.allow_remote);
    socket.handle.set(zmq::sockopt::sndhwm, options.queue);
    // Without this, messages would pile up for a consumer that never was there.
    socket.handle.set(zmq::sockopt::immediate, options.attach == Attach::connect);
    if (options.latest_only) socket.handle.set(zmq::sockopt::conflate, true);
    endpoint = socket.attach(checked, options.attach);
  }

  /// True if the message went out within `wait_ms`.
  bool offer(zmq::message_t& message, int wait_ms) {
    try {
      socket.handle.set(zmq::sockopt::sndtimeo, wait_ms);
      return socket.handle.send(message, zmq::send_flags::none).has_value();
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) return false;  // a signal: the caller looks at its stop flag
      throw zeromq::translate(error, endpoint, "sending failed");
    }
  }
};

MessageSender::MessageSender(const std::string& endpoint, const SenderOptions& options) {
  check_options(options);
  state_ = std::make_unique<State>(endpoint, options);
}
MessageSender::MessageSender(MessageSender&&) noexcept = default;
MessageSender& MessageSender::operator=(MessageSender&&) noexcept = default;
MessageSender::~MessageSender() = default;

SendStatus MessageSender::send(std::vector<std::byte> bytes,
                               std::optional<std::chrono::milliseconds> timeout,
                               const std::atomic<bool>* stop) {
  zmq::message_t message = wrap(std::move(bytes));
  const zeromq::Patience patience(timeout);
  for (;;) {
    if (state_->offer(message, patience.slice_ms())) return SendStatus::sent;
    if (stop != nullptr && stop->load()) return SendStatus::stopped;
    if (patience.exhausted()) return SendStatus::timed_out;
  }
}

bool MessageSender::try_send(std::vector<std::byte> bytes) {
  zmq::message_t message = wrap(std::move(bytes));
  return state_->offer(message, 0);
}

bool MessageSender::has_room() {
  return (state_->socket.handle.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0;
}

void MessageSender::set_linger(std::chrono::milliseconds linger) {
  state_->socket.handle.set(zmq::sockopt::linger, static_cast<int>(linger.count()));
}

const std::string& MessageSender::endpoint() const noexcept {
  return state_->endpoint;
}

}  // namespace sluice::stream

// The engine's end of the wire to a model: newest packet out, feedback in, on a thread of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/feedback.h"
#include "stream/io/curve.h"
#include "stream/io/endpoint.h"

namespace sluice::stream {

struct ControlLinkOptions {
  std::string packets = "tcp://127.0.0.1:5560";   ///< listens; publishes packets
  std::string feedback = "tcp://127.0.0.1:5561";  ///< listens; takes feedback
  /// Permits listening on more than the loopback interface. Without `curve` that is noted as a
  /// warning: anyone who can reach it may read along and answer.
  bool allow_remote = false;
  std::optional<CurveServer> curve = std::nullopt;
  std::int64_t max_feedback = std::int64_t{4} << 20;  ///< bytes; who sends more is cut off
  std::size_t packet_bytes = 0;     ///< memory that is taken at once for each outgoing packet
  std::size_t feedback_queue = 64;  ///< messages waiting for a tick; more are dropped and counted
  /// Peers say that they are alive this often, and are gone after `heartbeat_timeout` of silence.
  std::chrono::milliseconds heartbeat{200};
  std::chrono::milliseconds heartbeat_timeout{600};
};

/// Since the link was opened.
struct LinkCounts {
  std::int64_t published = 0;       ///< by the tick's thread
  std::int64_t replaced = 0;        ///< of them, never sent because a newer one came first
  std::int64_t sent = 0;            ///< handed to ZeroMQ while a model was connected
  std::int64_t feedback = 0;        ///< messages received
  std::int64_t malformed = 0;       ///< of them, no feedback
  std::int64_t feedback_lost = 0;   ///< of them, dropped because no tick took them
  std::int64_t connections = 0;     ///< models that came
  std::int64_t disconnections = 0;  ///< models that went
  std::int64_t refused = 0;         ///< handshakes that failed: wrong key, or none

  [[nodiscard]] bool connected() const noexcept { return connections > disconnections; }
};

/// A message as it came, and what it says.
struct ReceivedFeedback {
  std::vector<std::byte> bytes;
  Feedback feedback;
  std::chrono::steady_clock::time_point arrival;
};

/// outgoing(), publish(), feedback() and feedback_done() are called on the tick's thread; they
/// neither wait nor allocate, whatever the model does. counts() may be called on any thread.
class ControlLink {
 public:
  /// Throws sluice::Error: kind input for bad options or endpoints, system if an address is taken.
  explicit ControlLink(const ControlLinkOptions& options);
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;
  /// Gives the last packet a moment to leave.
  ~ControlLink();

  /// The blob to fill, before publish() makes it the newest.
  [[nodiscard]] std::vector<std::byte>& outgoing() noexcept;
  void publish() noexcept;

  /// The oldest feedback that was not taken yet, until feedback_done(); null if there is none.
  [[nodiscard]] ReceivedFeedback* feedback() noexcept;
  void feedback_done() noexcept;

  [[nodiscard]] LinkCounts counts() const noexcept;
  /// Where it listens: with the real ports, where the endpoints asked for any.
  [[nodiscard]] const std::string& packets_endpoint() const noexcept;
  [[nodiscard]] const std::string& feedback_endpoint() const noexcept;
  /// What the user should know before trusting this link; empty if nothing.
  [[nodiscard]] const std::string& warning() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream

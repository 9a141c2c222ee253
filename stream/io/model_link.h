// The model's end of the wire to a control loop: always the newest packet, feedback back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "stream/feedback.h"
#include "stream/io/curve.h"
#include "stream/io/message_receiver.h"
#include "stream/packet.h"

namespace sluice::stream {

struct ModelLinkOptions {
  std::string packets = "tcp://127.0.0.1:5560";   ///< where the loop publishes
  std::string feedback = "tcp://127.0.0.1:5561";  ///< where it takes feedback; empty: none is sent
  std::optional<CurveClient> curve = std::nullopt;
  std::int64_t max_packet = std::int64_t{256} << 20;  ///< bytes
  /// As the loop's; see ControlLinkOptions.
  std::chrono::milliseconds heartbeat{200};
  std::chrono::milliseconds heartbeat_timeout{600};
};

/// To be used by one thread at a time. Connects whenever the loop is there, and again within a
/// second of its return.
class ModelLink {
 public:
  /// Throws sluice::Error (kind input) for bad options or endpoints.
  explicit ModelLink(const ModelLinkOptions& options);
  ModelLink(ModelLink&&) noexcept;
  ModelLink& operator=(ModelLink&&) noexcept;
  ~ModelLink();

  /// Waits for a packet that was not received yet, and fills `packet` with the newest.
  [[nodiscard]] ReceiveStatus receive(
      Packet& packet, std::optional<std::chrono::milliseconds> timeout = std::nullopt,
      const std::atomic<bool>* stop = nullptr);
  /// What is wrong with the message, after `malformed`.
  [[nodiscard]] const std::string& problem() const noexcept;

  /// Never waits. False: the loop is not there, or takes nothing; the feedback is gone, as it would
  /// be stale. Throws sluice::Error for inconsistent feedback.
  [[nodiscard]] bool send(const Feedback& feedback);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream

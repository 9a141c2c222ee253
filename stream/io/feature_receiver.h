// A live source of features: another process encodes, the engine reduces.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "stream/feature_frame.h"
#include "stream/feature_message.h"
#include "stream/io/message_receiver.h"
#include "stream/io/problem_log.h"

namespace sluice::stream {

struct FeatureReceiverOptions {
  /// By default the engine listens, and encoders come and go.
  ReceiverOptions socket{.attach = Attach::bind};
  /// Seconds to wait for the first message; without a value, until `stop`.
  std::optional<double> open_timeout_s = std::nullopt;
  /// The stream ends after this many seconds without a message; without a value, it never does.
  std::optional<double> idle_timeout_s = std::nullopt;
  const std::atomic<bool>* stop = nullptr;
};

/// Frames of one source, as a FeatureSender (or anything else that speaks docs/packet.md) sends
/// them. The first message decides on source, grid, feature width and type; messages that differ,
/// and whatever is no features message, are skipped and counted. Messages lost on the way are
/// noted.
class FeatureReceiver final : public FrameSource {
 public:
  /// Waits for the first message. Throws sluice::Error: kind input for bad options or endpoints,
  /// system if the address is taken, no message came in time, or `stop` was set.
  explicit FeatureReceiver(const std::string& endpoint, const FeatureReceiverOptions& options = {});

  [[nodiscard]] const Source& source() const override { return source_; }
  /// False after the message with the end-of-stream mark, the idle timeout (noted), or `stop`.
  [[nodiscard]] bool next(FeatureFrame& frame) override;
  [[nodiscard]] InputStatistics statistics() const override;
  [[nodiscard]] bool is_recording() const override { return false; }

 private:
  /// Receives into `message_`; false if none came in time or `stop` was set.
  bool receive(std::optional<double> timeout_s);
  /// Why `message_` does not go with the stream; empty if it does.
  [[nodiscard]] std::string mismatch() const;
  void follow_sequence();
  void skip(const std::string& problem);

  FeatureReceiverOptions options_;
  MessageReceiver receiver_;
  Source source_;
  kernels::DType dtype_ = kernels::DType::f32;
  FeatureMessage message_;
  bool have_message_ = false;  ///< `message_` waits to be delivered
  bool ended_ = false;
  std::optional<std::int64_t> last_sequence_;
  std::int64_t lost_ = 0;
  InputStatistics counts_;
  ProblemLog log_;
};

}  // namespace sluice::stream

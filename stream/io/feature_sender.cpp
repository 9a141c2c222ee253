#include "stream/io/feature_sender.h"

namespace sluice::stream {

FeatureSender::FeatureSender(const std::string& endpoint, const SenderOptions& options)
    : sender_(endpoint, options) {}

SendStatus FeatureSender::send(FeatureMessage& message,
                               std::optional<std::chrono::milliseconds> timeout,
                               const std::atomic<bool>* stop) {
  message.sequence = next_sequence_;
  const SendStatus status = sender_.send(encode(message), timeout, stop);
  if (status == SendStatus::sent) ++next_sequence_;  // or the caller may try again
  return status;
}

bool FeatureSender::try_send(FeatureMessage& message) {
  message.sequence = next_sequence_++;
  return sender_.has_room() && sender_.try_send(encode(message));
}

}  // namespace sluice::stream

// The frames of a live input, as a tick log kept them.
#pragma once

#include "apps/loop/framed_file.h"
#include "stream/feature_frame.h"
#include "stream/feature_message.h"

namespace sluice::apps {

class LoggedFrames final : public stream::FrameSource {
 public:
  /// Requires at least one record. Throws sluice::Error for one that is no frame.
  explicit LoggedFrames(FramedFile file);

  /// Of the newest frame; before the first, its.
  [[nodiscard]] const stream::Source& source() const override { return message_.source; }
  /// With the frame's own number. Throws sluice::Error for a damaged record.
  [[nodiscard]] bool next(stream::FeatureFrame& frame) override;
  [[nodiscard]] stream::InputStatistics statistics() const override;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override { return file_.size(); }
  [[nodiscard]] bool is_recording() const override { return true; }

 private:
  void read(std::int64_t number);

  FramedFile file_;
  std::vector<std::byte> bytes_;
  stream::FeatureMessage message_;  // the frame to come, if it was read already
  std::int64_t next_ = 0;
};

}  // namespace sluice::apps

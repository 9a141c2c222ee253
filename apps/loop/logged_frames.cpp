#include "apps/loop/logged_frames.h"

#include <utility>

namespace sluice::apps {

LoggedFrames::LoggedFrames(FramedFile file) : file_(std::move(file)) {
  read(0);
}

void LoggedFrames::read(std::int64_t number) {
  file_.read(number, bytes_);
  decode_feature_message(bytes_, file_.where(number), message_);
  message_.frame.index = message_.sequence.value_or(number);
}

bool LoggedFrames::next(stream::FeatureFrame& frame) {
  if (next_ == file_.size()) return false;
  if (next_ > 0) read(next_);
  ++next_;
  std::swap(frame, message_.frame);
  return true;
}

stream::InputStatistics LoggedFrames::statistics() const {
  stream::InputStatistics statistics;
  statistics.frames = statistics.decoded = next_;
  return statistics;
}

}  // namespace sluice::apps

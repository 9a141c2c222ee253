#include "stream/io/feature_receiver.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

std::optional<std::chrono::milliseconds> in_ms(std::optional<double> seconds) {
  if (!seconds) return std::nullopt;
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::clamp(*seconds, 0.0, 1e9) * 1000));
}

}  // namespace

FeatureReceiver::FeatureReceiver(const std::string& endpoint, const FeatureReceiverOptions& options)
    : options_(options), receiver_(endpoint, options.socket) {
  if (!receive(options_.open_timeout_s)) {
    const bool stopped = options_.stop != nullptr && options_.stop->load();
    throw system_error(receiver_.endpoint(),
                       stopped ? "stopped before the first features" : "no features in time");
  }
  source_ = message_.source;
  if (message_.frame.features.defined()) dtype_ = message_.frame.features.dtype();
}

bool FeatureReceiver::receive(std::optional<double> timeout_s) {
  for (;;) {
    switch (receiver_.receive(in_ms(timeout_s), options_.stop)) {
      case ReceiveStatus::timed_out:
      case ReceiveStatus::stopped: return false;
      case ReceiveStatus::malformed: skip(receiver_.problem()); continue;
      case ReceiveStatus::message: break;
    }
    try {
      decode_feature_message(receiver_.bytes(), receiver_.endpoint(), message_);
      have_message_ = true;
      return true;
    } catch (const Error& error) {
      skip(error.what());
    }
  }
}

bool FeatureReceiver::next(FeatureFrame& frame) {
  while (!ended_) {
    if (!have_message_ && !receive(options_.idle_timeout_s)) {
      const bool stopped = options_.stop != nullptr && options_.stop->load();
      if (!stopped) log_.add("no more features came; ended after the idle time limit");
      ended_ = true;
      break;
    }
    have_message_ = false;
    ++counts_.decoded;
    follow_sequence();
    ended_ = message_.end_of_stream;
    if (ended_ && !message_.frame.features.defined()) break;
    if (const std::string problem = mismatch(); !problem.empty()) {
      skip(problem);
      continue;
    }
    // Swapping hands the caller's old memory back for the next message.
    std::swap(frame, message_.frame);
    frame.index = counts_.frames++;
    return true;
  }
  return false;
}

std::string FeatureReceiver::mismatch() const {
  const Source& other = message_.source;
  const kernels::Tensor& features = message_.frame.features;
  if (other.id != source_.id) return concat("message of another source, ", other.id);
  if (!features.defined()) return "message without features";
  if (other.grid_rows != source_.grid_rows || other.grid_cols != source_.grid_cols) {
    return concat("message with a grid of ", other.grid_rows, "x", other.grid_cols, " instead of ",
                  source_.grid_rows, "x", source_.grid_cols);
  }
  if (other.feature_width != source_.feature_width) {
    return concat("message with features of width ", other.feature_width, " instead of ",
                  source_.feature_width);
  }
  if (features.dtype() != dtype_) {
    return concat("message with features of type ", kernels::name(features.dtype()), " instead of ",
                  kernels::name(dtype_));
  }
  return {};
}

void FeatureReceiver::follow_sequence() {
  if (!message_.sequence) return;
  const std::int64_t sequence = *message_.sequence;
  if (last_sequence_ && sequence <= *last_sequence_) {
    log_.add("the numbers of messages started again: another sender");
  } else if (last_sequence_) {
    lost_ += sequence - *last_sequence_ - 1;
  }
  last_sequence_ = sequence;
}

void FeatureReceiver::skip(const std::string& problem) {
  ++counts_.skipped_packets;
  log_.add(problem);
}

InputStatistics FeatureReceiver::statistics() const {
  InputStatistics statistics = counts_;
  statistics.notes = log_.notes();
  if (lost_ > 0) statistics.notes.push_back(concat(lost_, " messages were lost on the way"));
  return statistics;
}

}  // namespace sluice::stream

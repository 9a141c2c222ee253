#include "stream/io/libav/image_feed.h"

#include <algorithm>
#include <utility>

#include "kernels/error.h"
#include "stream/io/libav/decoded_stream.h"

namespace sluice::stream::libav {

ImageFeed::ImageFeed(std::vector<std::filesystem::path> files, double rate, Interrupt& interrupt,
                     ProblemLog& log)
    : files_(std::move(files)), rate_(rate), interrupt_(&interrupt), log_(&log) {}

bool ImageFeed::next(DecodedFrame& decoded) {
  while (next_ < files_.size() && !interrupt_->stopped()) {
    const std::size_t index = next_++;
    if (read(files_[index], decoded)) {
      decoded.pts_s = static_cast<double>(index) / rate_;
      decoded.duration_s = 1 / rate_;
      return true;
    }
    ++skipped_;
  }
  return false;
}

bool ImageFeed::read(const std::filesystem::path& file, DecodedFrame& decoded) {
  ProblemLog problems;
  try {
    // Threads are not worth starting for a single picture.
    DecodedStream stream(locate(file.string()), 1, *interrupt_, problems);
    if (stream.next(decoded)) return true;
  } catch (const Error& error) {
    if (error.kind() == Error::Kind::system) throw;
    problems.add(error.what());
  }
  const auto notes = problems.notes();
  log_->add(concat("image skipped: ", file.string(), notes.empty() ? " is empty" : ": ",
                   notes.empty() ? "" : notes.front()));
  return false;
}

void ImageFeed::skip_to_packet(std::int64_t index) {
  next_ = std::max(next_, static_cast<std::size_t>(index));
}

}  // namespace sluice::stream::libav

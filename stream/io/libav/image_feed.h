// The frames of an image sequence. Private.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "stream/io/libav/demuxer.h"
#include "stream/io/libav/frame_feed.h"
#include "stream/io/problem_log.h"

namespace sluice::stream::libav {

/// One frame per file, file i shown at i/rate seconds. Files of any mix of formats and sizes; those
/// that don't decode are skipped, logged by name, and leave a gap in time.
class ImageFeed final : public FrameFeed {
 public:
  /// `interrupt` and `log` must outlive the feed.
  ImageFeed(std::vector<std::filesystem::path> files, double rate, Interrupt& interrupt,
            ProblemLog& log);

  [[nodiscard]] bool next(DecodedFrame& decoded) override;
  void skip_to_packet(std::int64_t index) override;
  [[nodiscard]] std::int64_t skipped() const noexcept override { return skipped_; }

 private:
  /// False if `file` does not decode.
  bool read(const std::filesystem::path& file, DecodedFrame& decoded);

  std::vector<std::filesystem::path> files_;
  double rate_;
  Interrupt* interrupt_;
  ProblemLog* log_;
  std::size_t next_ = 0;
  std::int64_t skipped_ = 0;
};

}  // namespace sluice::stream::libav

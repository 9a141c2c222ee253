// Making clips and reading whole videos in tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "stream/io/video_reader.h"
#include "tests/io/clip_maker.h"
#include "tests/io/temporary_folder.h"

namespace sluice::test {

struct ReadVideo {
  std::vector<int> numbers;  ///< as painted by paint_number
  std::vector<double> pts;
  std::uint64_t digest = 14695981039346656037ULL;  ///< FNV-1a of all pixels
  stream::Image last;
  stream::VideoInfo info;
  stream::InputStatistics statistics;
};

inline ReadVideo read_video(const std::string& input,
                            const stream::VideoReaderOptions& options = {}) {
  stream::VideoReader reader(input, options);
  ReadVideo read;
  stream::VideoFrame frame;
  while (reader.next(frame)) {
    read.numbers.push_back(read_number(frame.image));
    read.pts.push_back(frame.pts);
    for (const std::uint8_t byte : frame.image.rgb) {
      read.digest = (read.digest ^ byte) * 1099511628211ULL;
    }
    read.last = frame.image;
  }
  read.info = reader.info();
  read.statistics = reader.statistics();
  return read;
}

/// Tests that make clips of their own.
class VideoClipTest : public testing::Test {
 protected:
  TemporaryFolder folder_;

  std::string clip(const std::string& name, const ClipOptions& options,
                   const Painter& paint = paint_number) {
    const std::string path = folder_.file(name);
    make_clip(path, options, paint);
    return path;
  }
};

/// The folder of real recordings; empty if there is none here.
inline std::filesystem::path recordings() {
  const char* variable = std::getenv("SLUICE_TEST_RECORDINGS");
  const std::filesystem::path folder =
      variable != nullptr ? std::filesystem::path(variable)
                          : std::filesystem::path(SLUICE_SOURCE_DIR) / ".." / "shared" / "data";
  std::error_code error;
  return std::filesystem::is_directory(folder, error) ? folder : std::filesystem::path();
}

}  // namespace sluice::test

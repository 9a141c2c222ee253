// Reading whole RGB-D data sets in tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/io/rgbd_source.h"
#include "tests/io/clip_maker.h"
#include "tests/support/error_messages.h"

namespace sluice::test {

struct ReadRgbd {
  std::vector<int> numbers;  ///< as painted by paint_number
  std::vector<stream::SpatialFrame> frames;
  stream::Source source;
  stream::InputStatistics statistics;

  [[nodiscard]] std::string notes() const {
    std::string text;
    for (const std::string& note : statistics.notes) text += note + "\n";
    return text;
  }
};

/// A small tokenizer, because these tests are not about it.
inline stream::RgbdSourceOptions quick(stream::RgbdSourceOptions options = {}) {
  options.tokenizer = {.grid_rows = 4, .grid_cols = 5, .working_width = 40, .working_height = 32};
  return options;
}

inline ReadRgbd read_rgbd(const std::filesystem::path& folder,
                          const stream::RgbdSourceOptions& options = {}) {
  stream::RgbdSource source(folder, quick(options));
  ReadRgbd read;
  for (;;) {
    stream::SpatialFrame frame;
    if (!source.next(frame)) break;
    read.numbers.push_back(read_number(source.picture()));
    read.frames.push_back(std::move(frame));
  }
  stream::SpatialFrame after;
  EXPECT_FALSE(source.next(after)) << "after the end";
  read.source = source.source();
  read.statistics = source.statistics();
  return read;
}

}  // namespace sluice::test

// What the report is built from: counts, the time axis, the choice of pictures, escaping, units.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/thumbnails.h"
#include "apps/report/time_axis.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"
#include "tests/apps/synthetic_trace.h"

namespace sluice::report {
namespace {

using stream::Trace;
using test::synthetic_trace;

TEST(TraceStatistics, CountsAgreeWithTheSegmentsAndTheRows) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const Trace trace = synthetic_trace({.frames = 60, .rows = 3, .cols = 7, .seed = seed});
    const auto& source = trace.sources[0];
    const FateCounts fates = count_fates(trace);
    EXPECT_EQ(fates.total(), trace.totals.seen);

    std::int64_t dynamic = 0, statics = 0, weight = 0, row_frames = 0;
    for (const auto& segment : source.segments) {
      dynamic += segment.dynamic_kept;
      statics += segment.static_kept;
    }
    for (const std::int64_t w : source.row_weight) weight += w;
    EXPECT_EQ(fates[Fate::kept], dynamic);
    EXPECT_EQ(fates[Fate::kept] + fates[Fate::merged], weight);
    EXPECT_EQ(fates[Fate::late],
              std::count(source.assignment.begin(), source.assignment.end(), -4));
    EXPECT_EQ(fates[Fate::non_finite],
              std::count(source.assignment.begin(), source.assignment.end(), -3));
    std::int64_t static_rows = 0;
    for (const FrameCounts& frame : count_by_frame(source)) {
      row_frames += frame.static_rows + frame.dynamic_rows;
      static_rows += frame.static_rows;
    }
    EXPECT_EQ(row_frames, row_count(trace));
    EXPECT_EQ(static_rows, statics);
    for (std::int64_t f = 0; f < source.frames(); ++f) {
      const std::int64_t s = segment_at(source, f);
      ASSERT_GE(s, 0);
      const auto& segment = source.segments[static_cast<std::size_t>(s)];
      EXPECT_TRUE(segment.first <= f && f <= segment.last);
    }
    EXPECT_EQ(segment_at(source, -1), -1);
    EXPECT_EQ(segment_at(source, source.frames()), -1);
  }
}

TEST(TraceStatistics, MergedContextualTokensAreNotCountedAsKept) {
  stream::SourceTrace trace;
  trace.source.grid_rows = 1;
  trace.source.grid_cols = 2;
  trace.pts = {0};
  trace.assignment = {0, 0};  // both in a dynamic row that sits at position 0
  trace.row_frame = {0};
  trace.row_frame_last = {0};
  trace.row_position = {0};
  trace.row_weight = {2};
  trace.row_kind = {1};
  EXPECT_EQ(fate_of(trace, 0, 0), Fate::kept);
  EXPECT_EQ(fate_of(trace, 0, 1), Fate::merged);
}

TEST(TraceStatistics, HistogramCountsEverySimilarityOnce) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    for (const double threshold : {0.3, 0.8, 0.95, 1.0, -1.0}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", threshold " << threshold);
      auto source = test::synthetic_source({.frames = 80, .seed = seed});
      source.similarity[7] = static_cast<float>(threshold);  // not above it
      source.similarity[8] = std::numeric_limits<float>::infinity();
      const Histogram histogram = similarity_histogram(source, threshold, 50);
      std::int64_t above = 0, undefined = 0, sum = 0, bins_above = 0;
      for (const float similarity : source.similarity) {
        if (!std::isfinite(similarity)) {
          ++undefined;
        } else if (static_cast<double>(similarity) > threshold) {
          ++above;
        }
      }
      const double width = (1 - histogram.low) / static_cast<double>(histogram.bins.size());
      for (std::size_t b = 0; b < histogram.bins.size(); ++b) {
        sum += histogram.bins[b];
        const double middle = histogram.low + width * (static_cast<double>(b) + 0.5);
        if (middle > threshold) bins_above += histogram.bins[b];
      }
      EXPECT_EQ(histogram.above_threshold, above);
      EXPECT_EQ(histogram.undefined, undefined);
      EXPECT_EQ(sum, histogram.defined);
      EXPECT_EQ(sum + undefined, static_cast<std::int64_t>(source.similarity.size()));
      // float(0.95) lies a little below or above 0.95; that one may fall on either side
      if (threshold > histogram.low && threshold < 1) {
        EXPECT_LE(std::abs(bins_above - above), 1);
      }
    }
  }
}

TEST(TimeAxis, ColumnsHoldEveryFrameInOrder) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    stream::SourceTrace trace;
    const std::size_t frames = 1 + random() % 300;
    double now = -1;
    for (std::size_t f = 0; f < frames; ++f) {
      trace.pts.push_back(now);
      now += round % 3 == 0 ? 0.04 : 0.001 + static_cast<double>(random() % 1000) / 500;
    }
    const std::size_t most = 1 + random() % 200;
    const TimeAxis axis(trace.pts, most);
    EXPECT_EQ(axis.columns().size(), std::min(most, frames));
    std::vector<int> shown(frames, 0);
    std::int64_t previous = 0;
    for (const FrameRange& column : axis.columns()) {
      ASSERT_GT(column.size(), 0);
      EXPECT_GE(column.first, previous);
      previous = column.first;
      for (std::int64_t f = column.first; f < column.last; ++f)
        ++shown[static_cast<std::size_t>(f)];
    }
    EXPECT_EQ(std::count(shown.begin(), shown.end(), 0), 0);
    EXPECT_DOUBLE_EQ(axis.place(0), 0);
    EXPECT_DOUBLE_EQ(axis.place(static_cast<std::int64_t>(frames)), 1);
    if (round % 3 == 0 && frames <= most) {
      for (const int times : shown) EXPECT_EQ(times, 1);  // steady frames: a column each
    }
    for (const auto& tick : axis.ticks()) EXPECT_TRUE(tick.place >= 0 && tick.place <= 1);
  }
}

TEST(Thumbnails, AreEvenlyChosen) {
  EXPECT_EQ(evenly_chosen(3, 60), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(evenly_chosen(10, 5), (std::vector<std::size_t>{0, 2, 4, 6, 8}));
  EXPECT_TRUE(evenly_chosen(0, 5).empty());
  EXPECT_TRUE(evenly_chosen(5, 0).empty());
  const auto source = test::synthetic_source({.frames = 30});
  EXPECT_EQ(comparison_frames(source, 3), (std::vector<std::int64_t>{5, 15, 25}));
  EXPECT_TRUE(comparison_frames(test::synthetic_source({.frames = 0})).empty());
}

TEST(Html, HeadsAPageWithTheInputsName) {
  const auto has = [](std::string_view input, std::string_view part) {
    return page_heading("replay", input).find(part) != std::string::npos;
  };
  EXPECT_TRUE(has("clip.mp4", "<h1>clip.mp4</h1>"));
  EXPECT_FALSE(has("clip.mp4", "class=\"path\""));
  EXPECT_TRUE(has("a/b/clip.mp4", "<h1>clip.mp4</h1>"));
  EXPECT_TRUE(has("a/b/clip.mp4", "<p class=\"path\">a/b/clip.mp4</p>"));
  EXPECT_TRUE(has("a/shots/", "<h1>shots</h1>"));
  EXPECT_TRUE(has("", "<h1>Unnamed input</h1>"));
  EXPECT_TRUE(has("/", "<h1>Unnamed input</h1>"));
}

TEST(Html, EscapesAndEncodes) {
  EXPECT_EQ(escape("a<b & \"c\" 'd'>\n"), "a&lt;b &amp; &quot;c&quot; &#39;d&#39;&gt;\n");
  EXPECT_EQ(escape("τ → 😀"), "τ → 😀");
  EXPECT_EQ(escape(std::string_view("\0", 1)), "\uFFFD");
  EXPECT_EQ(escape("\xc0\xaf"), "\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(escape("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(escape("\xe2\x82"), "\uFFFD\uFFFD");            // cut short
  const auto encoded = [](std::string_view text) {
    return base64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  // RFC 4648, section 10
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
}

TEST(Units, ReadWell) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(-999), "-999");
  EXPECT_EQ(count_text(-1000), "-1,000");
  EXPECT_EQ(count_text(123456), "123,456");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(percent_text(1, 8), "12.5\u202f%");
  EXPECT_EQ(percent_text(1, 1000), "0.10\u202f%");
  EXPECT_EQ(percent_text(0, 0), "–");
  EXPECT_EQ(time_text(3.24), "3.2\u202fs");
  EXPECT_EQ(time_text(59.96), "1:00.0");
  EXPECT_EQ(time_text(65.25, 0.01), "1:05.25");
  EXPECT_EQ(time_text(7384), "2:03:04");
  EXPECT_EQ(duration_text(0.00083), "830\u202fµs");
  EXPECT_EQ(duration_text(0.0123), "12.3\u202fms");
  EXPECT_EQ(duration_text(4.56), "4.56\u202fs");
  EXPECT_EQ(duration_text(192), "3\u202fmin 12\u202fs");
  EXPECT_EQ(duration_text(7500), "2\u202fh 05\u202fmin");
  EXPECT_EQ(number_text(1234.4), "1,234");
  EXPECT_EQ(number_text(std::nan("")), "–");
}

}  // namespace
}  // namespace sluice::report

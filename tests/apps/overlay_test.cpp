// The overlay: what it does to pixels, and the video made of it.
#include "apps/report/overlay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/report/bitmap_font.h"
#include "apps/report/image_scale.h"
#include "apps/report/overlay_video.h"
#include "apps/report/palette.h"
#include "apps/report/trace_statistics.h"
#include "kernels/error.h"
#include "stream/io/video_reader.h"
#include "tests/apps/synthetic_trace.h"

namespace sluice::report {
namespace {

using stream::Image;

constexpr OverlayStyle tokens_only{.grid = false, .border = false, .caption = false};

Image random_image(int width, int height, std::uint32_t seed) {
  Image image;
  image.resize(width, height);
  std::mt19937 random(seed);
  for (std::uint8_t& value : image.rgb) value = static_cast<std::uint8_t>(40 + random() % 200);
  return image;
}

std::array<double, 3> mean_colour(const Image& image, const Rectangle& area) {
  std::array<double, 3> sum{};
  for (int y = area.top; y < area.bottom; ++y) {
    for (int x = area.left; x < area.right; ++x) {
      for (std::size_t c = 0; c < 3; ++c) sum[c] += image.pixel(x, y)[c];
    }
  }
  for (double& channel : sum) channel /= area.width() * area.height();
  return sum;
}

double brightness(const std::array<double, 3>& colour) {
  return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2];
}

double spread(const std::uint8_t* pixel) {
  return std::max({pixel[0], pixel[1], pixel[2]}) - std::min({pixel[0], pixel[1], pixel[2]});
}

bool same_pixels(const Image& a, const Image& b, const Rectangle& area) {
  for (int y = area.top; y < area.bottom; ++y) {
    if (!std::equal(a.pixel(area.left, y), a.pixel(area.left, y) + 3 * area.width(),
                    b.pixel(area.left, y))) {
      return false;
    }
  }
  return true;
}

/// The first segment of at least `frames` frames that keeps static tokens.
const stream::TraceSegment& long_segment(const stream::SourceTrace& trace, int frames) {
  for (const auto& segment : trace.segments) {
    if (segment.last - segment.first + 1 >= frames && segment.static_kept > 0) return segment;
  }
  throw std::logic_error("no such segment");
}

struct Geometry {
  int width, height;
  std::int32_t rows, cols;
};

class OverlayPixels : public testing::TestWithParam<Geometry> {};

TEST_P(OverlayPixels, KeptStayMergedTurnBlueDroppedTurnGreyAndDark) {
  const Geometry geometry = GetParam();
  const auto trace =
      test::synthetic_source({.rows = geometry.rows, .cols = geometry.cols, .seed = 5});
  FateCounts drawn;
  for (std::int64_t frame = 0; frame < trace.frames(); frame += 3) {
    SCOPED_TRACE(frame);
    const Image before = random_image(geometry.width, geometry.height, 7);
    Image after = before;
    draw_overlay(after, trace, frame, tokens_only);
    ASSERT_EQ(after.width, before.width);
    ASSERT_EQ(after.height, before.height);
    for (std::int32_t p = 0; p < trace.source.positions(); ++p) {
      const Rectangle cell = cell_area(before, trace.source, p);
      if (cell.width() == 0 || cell.height() == 0) continue;
      const Fate fate = fate_of(trace, frame, p);
      ++drawn[fate];
      const auto old_colour = mean_colour(before, cell);
      const auto new_colour = mean_colour(after, cell);
      if (fate == Fate::kept) {
        EXPECT_TRUE(same_pixels(before, after, cell));
      } else if (fate == Fate::merged && !is_cluster_centre(trace, frame, p)) {
        EXPECT_NEAR(new_colour[0], (old_colour[0] + palette::merged.red) / 2, 1);
        EXPECT_NEAR(new_colour[2], (old_colour[2] + palette::merged.blue) / 2, 1);
      } else if (fate == Fate::not_selected || fate == Fate::no_centre) {
        EXPECT_LT(brightness(new_colour), 0.5 * brightness(old_colour));
        const std::uint8_t* const old_pixel = before.pixel(cell.left, cell.top);
        EXPECT_LE(spread(after.pixel(cell.left, cell.top)), 0.2 * spread(old_pixel) + 1);
      }
    }
  }
  EXPECT_GT(drawn[Fate::kept], 0);
  EXPECT_GT(drawn[Fate::merged], 0);
  EXPECT_GT(drawn.dropped(), 0);
}

INSTANTIATE_TEST_SUITE_P(Sizes, OverlayPixels,
                         testing::Values(Geometry{160, 90, 4, 6}, Geometry{97, 61, 5, 3},
                                         Geometry{64, 64, 8, 8}, Geometry{7, 5, 6, 9}));

TEST(Overlay, CellsCoverEveryPixelOnce) {
  for (const Geometry geometry : {Geometry{97, 61, 5, 3}, Geometry{7, 5, 6, 9}}) {
    Image image;
    image.resize(geometry.width, geometry.height);
    stream::Source source;
    source.grid_rows = geometry.rows;
    source.grid_cols = geometry.cols;
    std::vector<int> covered(static_cast<std::size_t>(geometry.width * geometry.height), 0);
    for (std::int32_t p = 0; p < source.positions(); ++p) {
      const Rectangle cell = cell_area(image, source, p);
      for (int y = cell.top; y < cell.bottom; ++y) {
        for (int x = cell.left; x < cell.right; ++x) {
          ++covered[static_cast<std::size_t>(y * geometry.width + x)];
        }
      }
    }
    EXPECT_EQ(std::count(covered.begin(), covered.end(), 1),
              static_cast<std::ptrdiff_t>(covered.size()));
  }
}

TEST(Overlay, OutlinesClusterCentresInTheFirstFrameOnly) {
  const auto trace = test::synthetic_source({.faults = false, .seed = 3});
  const auto& segment = long_segment(trace, 3);
  Image grey;
  grey.resize(160, 90);
  std::fill(grey.rgb.begin(), grey.rgb.end(), std::uint8_t{60});
  Image first = grey;
  Image second = grey;
  draw_overlay(first, trace, segment.first, tokens_only);
  draw_overlay(second, trace, segment.first + 1, tokens_only);
  int centres = 0;
  for (std::int32_t p = 0; p < trace.source.positions(); ++p) {
    const Rectangle cell = cell_area(grey, trace.source, p);
    if (!is_cluster_centre(trace, segment.first, p)) continue;
    ++centres;
    EXPECT_FALSE(is_cluster_centre(trace, segment.first + 1, p));
    const int middle_y = (cell.top + cell.bottom) / 2;
    EXPECT_GT(first.pixel(cell.left + 1, middle_y)[0],
              first.pixel((cell.left + cell.right) / 2, middle_y)[0] + 50);
    EXPECT_EQ(second.pixel(cell.left + 1, middle_y)[0],
              second.pixel((cell.left + cell.right) / 2, middle_y)[0]);
  }
  EXPECT_EQ(centres, segment.static_kept);
}

TEST(Overlay, BorderMarksTheSegmentsFirstFrameAndFades) {
  auto trace = test::synthetic_source({.frames = 20, .longest_segment = 4, .seed = 2});
  trace.segments = {{.first = 0, .last = 9}, {.first = 10, .last = 19}};
  const OverlayStyle border{.border = true, .border_seconds = 0.3, .caption = false};
  const auto corner_change = [&](std::int64_t frame) {
    Image with = random_image(160, 90, 1);
    Image without = with;
    draw_overlay(with, trace, frame, border);
    draw_overlay(without, trace, frame, tokens_only);
    int change = 0;
    for (std::size_t c = 0; c < 3; ++c)
      change += std::abs(with.pixel(0, 0)[c] - without.pixel(0, 0)[c]);
    return change;
  };
  EXPECT_GT(corner_change(10), 60);
  EXPECT_EQ(corner_change(14), 0);  // 0.4 s later
  EXPECT_EQ(corner_change(9), 0);

  Image first = random_image(160, 90, 1);
  draw_overlay(first, trace, 10, border);
  EXPECT_EQ(first.pixel(0, 0)[0], palette::kept.red);
  trace.segments[0].forced_cut = true;
  Image forced = random_image(160, 90, 1);
  draw_overlay(forced, trace, 10, border);
  EXPECT_EQ(forced.pixel(0, 0)[0], palette::fault.red);
}

TEST(Overlay, CaptionLiesBelowThePicture) {
  const auto trace = test::synthetic_source();
  for (const int width : {1, 16, 90, 480, 1920}) {
    Image plain = random_image(width, 40, 4);
    Image captioned = plain;
    draw_overlay(plain, trace, 8, {.border = false, .caption = false});
    draw_overlay(captioned, trace, 8, {.border = false, .caption = true});
    EXPECT_EQ(captioned.height, 40 + caption_height(width));
    EXPECT_EQ(caption_height(width) % 2, 0);
    EXPECT_TRUE(same_pixels(plain, captioned, {0, 0, width, 40}));
  }
}

TEST(Overlay, CaptionMovesThePlayhead) {
  const auto trace = test::synthetic_source();
  const auto playhead = [&](std::int64_t frame) {
    Image image = random_image(640, 40, 4);
    draw_overlay(image, trace, frame, {.border = false, .caption = true});
    const int y = image.height - 8;
    for (int x = 0; x < image.width; ++x) {
      const std::uint8_t* const pixel = image.pixel(x, y);
      if (pixel[0] == palette::kept.red && pixel[2] == palette::kept.blue) return x;
    }
    return -1;
  };
  EXPECT_EQ(playhead(0), 8);
  EXPECT_NEAR(playhead(trace.frames() / 2), 320, 2);
  EXPECT_GT(playhead(trace.frames() - 1), 600);
}

TEST(Overlay, RefusesWhatItCannotDraw) {
  auto trace = test::synthetic_source();
  Image image = random_image(32, 32, 1);
  Image empty;
  EXPECT_THROW(draw_overlay(image, trace, -1), Error);
  EXPECT_THROW(draw_overlay(image, trace, trace.frames()), Error);
  EXPECT_THROW(draw_overlay(empty, trace, 0), Error);
  trace.source.grid_rows = 0;
  EXPECT_THROW(draw_overlay(image, trace, 0), Error);
}

TEST(BitmapFont, GlyphsDifferAndStayInTheirWidth) {
  std::set<Glyph> glyphs;
  for (char c = ' '; c <= '~'; ++c) glyphs.insert(glyph_of(c));
  EXPECT_EQ(glyphs.size(), 95U);
  EXPECT_EQ(glyph_of('\n'), glyph_of('?'));
  EXPECT_EQ(glyph_of(static_cast<char>(0xC3)), glyph_of('?'));

  Image image;
  image.resize(60, 30);
  std::fill(image.rgb.begin(), image.rgb.end(), std::uint8_t{0});
  draw_text(image, 4, 4, "H8", palette::white, 2);
  const int right = 4 + text_width("H8", 2);
  int lit = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      if (image.pixel(x, y)[0] == 0) continue;
      ++lit;
      EXPECT_TRUE(x >= 4 && x < right && y >= 4 && y < 4 + 2 * glyph_height) << x << ' ' << y;
    }
  }
  EXPECT_GT(lit, 50);
  draw_text(image, -5, 26, "clipped at every edge", palette::white, 3);
}

TEST(ImageScale, KeepsMeansAndRepeatsPixels) {
  const Image image = random_image(60, 40, 9);
  const Image half = scaled(image, 30, 20);
  const auto before = mean_colour(image, {0, 0, 60, 40});
  const auto after = mean_colour(half, {0, 0, 30, 20});
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(before[c], after[c], 0.6);
  const Image twice = scaled(image, 120, 80);
  for (int y = 0; y < 80; ++y) {
    for (int x = 0; x < 120; ++x) ASSERT_EQ(twice.pixel(x, y)[1], image.pixel(x / 2, y / 2)[1]);
  }
  EXPECT_EQ(shrunk_to_width(image, 30).height, 20);
  EXPECT_EQ(shrunk_to_width(image, 100).width, 60);
  EXPECT_THROW((void)scaled(Image{}, 4, 4), Error);
}

class OverlayVideo : public testing::Test {
 protected:
  void SetUp() override {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / (std::string("sluice-") + test->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// Gives every frame of `trace` once.
  static NextPicture pictures(const stream::SourceTrace& trace, int width, int height) {
    return [&trace, width, height,
            next = std::int64_t{0}](Image& image) mutable -> std::optional<std::int64_t> {
      if (next >= trace.frames()) return std::nullopt;
      image = random_image(width, height, 1);
      return next++;
    };
  }

  std::filesystem::path folder_;
};

TEST_F(OverlayVideo, HasAFramePerPictureAtItsTime) {
  const auto trace = test::synthetic_source({.frames = 12});
  const auto path = folder_ / "overlay.mp4";
  std::int64_t reported = 0;
  OverlayVideoOptions options;
  options.progress = [&](std::int64_t frames) { reported = frames; };
  EXPECT_EQ(write_overlay(pictures(trace, 161, 91), trace, path, options), 12);
  EXPECT_EQ(reported, 12);

  stream::VideoReader reader(path.string());
  EXPECT_EQ(reader.info().native_width % 2, 0);
  EXPECT_GE(reader.info().native_width, options.video.min_width);
  stream::VideoFrame frame;
  for (std::size_t i = 0; i < 12; ++i) {
    ASSERT_TRUE(reader.next(frame)) << i;
    EXPECT_NEAR(frame.pts, trace.pts[i], 0.001);
  }
  EXPECT_FALSE(reader.next(frame));
}

TEST_F(OverlayVideo, StopsWhenAsked) {
  const auto trace = test::synthetic_source({.frames = 12});
  int asked = 0;
  OverlayVideoOptions options;
  options.stop = [&] { return ++asked > 4; };
  EXPECT_EQ(write_overlay(pictures(trace, 64, 48), trace, folder_ / "a.mp4", options), 4);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "a.mp4"));
}

TEST_F(OverlayVideo, SurvivesRepeatedTimesAndChangingSizes) {
  auto trace = test::synthetic_source({.frames = 6});
  std::fill(trace.pts.begin(), trace.pts.end(), 1.0);
  const NextPicture changing =
      [next = std::int64_t{0}](Image& image) mutable -> std::optional<std::int64_t> {
    if (next >= 6) return std::nullopt;
    image = random_image(next < 3 ? 64 : 80, 48, 1);
    return next++;
  };
  EXPECT_EQ(write_overlay(changing, trace, folder_ / "a.mp4"), 6);
}

TEST_F(OverlayVideo, LeavesNoFileWithoutFrames) {
  const auto trace = test::synthetic_source({.frames = 6});
  const NextPicture nothing = [](Image&) { return std::optional<std::int64_t>(); };
  EXPECT_EQ(write_overlay(nothing, trace, folder_ / "a.mp4"), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace sluice::report

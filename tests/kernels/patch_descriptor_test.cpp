#include "kernels/patch_descriptor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

#include "kernels/error.h"

namespace sluice::kernels {
namespace {

constexpr std::size_t width_d = patch_descriptor_width;

struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  [[nodiscard]] std::uint8_t* at(int x, int y) {
    return rgb.data() + 3 * (static_cast<std::ptrdiff_t>(y) * width + x);
  }
  [[nodiscard]] const std::uint8_t* at(int x, int y) const {
    return const_cast<Picture*>(this)->at(x, y);
  }
};

using Color = std::array<double, 3>;

Picture draw(int width, int height, const std::function<Color(int, int)>& color) {
  Picture picture{width, height,
                  std::vector<std::uint8_t>(static_cast<std::size_t>(width) *
                                            static_cast<std::size_t>(height) * 3)};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Color wanted = color(x, y);
      for (std::size_t c = 0; c < 3; ++c) {
        picture.at(x, y)[c] =
            static_cast<std::uint8_t>(std::clamp(std::lround(wanted[c]), 0L, 255L));
      }
    }
  }
  return picture;
}

/// Blocks of some size rather than noise by pixel, which averages out within a cell.
Picture random_picture(int width, int height, std::mt19937& random) {
  const int block = 1 << (random() % 6);
  const int across = width / block + 1, down = height / block + 1;
  std::vector<Color> colors(static_cast<std::size_t>(across * down));
  for (Color& color : colors) {
    for (double& value : color) value = static_cast<double>(random() % 256);
  }
  return draw(width, height, [&](int x, int y) {
    return colors[static_cast<std::size_t>(y / block * across + x / block)];
  });
}

std::vector<float> describe(const Picture& picture, int rows = 1, int cols = 1) {
  std::vector<float> features(static_cast<std::size_t>(rows * cols) * width_d);
  describe_patches(picture.rgb, picture.width, picture.height, rows, cols, features);
  return features;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b, std::size_t patch = 0) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t k = patch * width_d; k < (patch + 1) * width_d; ++k) {
    const double x = a[k], y = b[k];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / std::sqrt(aa * bb);
}

double cosine(const Picture& a, const Picture& b) {
  return cosine(describe(a), describe(b));
}

// ---- The definition of docs/tokenizer.md, in double precision and in the plainest words ----

std::uint64_t split_mix(std::uint64_t index) {
  std::uint64_t z = index + 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

double nearly_normal(std::uint64_t index) {
  double sum = 0;
  for (std::uint64_t part = 0; part < 12; ++part) {
    const std::uint64_t word = split_mix(3 * index + part / 4);
    sum += static_cast<double>((word >> (16 * (part % 4))) % 65536) - 32767.5;
  }
  return sum / 65536;
}

using Grid8 = std::array<std::array<double, 8>, 8>;

/// Channel 0 luma, 1 blue difference, 2 red difference, of the mean colour of each cell.
std::array<Grid8, 3> cells_of(const Picture& picture, int x0, int x1, int y0, int y1) {
  std::array<Grid8, 3> cells{};
  for (int j = 0; j < 8; ++j) {
    for (int i = 0; i < 8; ++i) {
      Color sum{};
      int count = 0;
      for (int y = y0 + (y1 - y0) * j / 8; y < y0 + (y1 - y0) * (j + 1) / 8; ++y) {
        for (int x = x0 + (x1 - x0) * i / 8; x < x0 + (x1 - x0) * (i + 1) / 8; ++x, ++count) {
          for (std::size_t c = 0; c < 3; ++c) sum[c] += picture.at(x, y)[c];
        }
      }
      const double r = sum[0] / count, g = sum[1] / count, b = sum[2] / count;
      const double luma = 0.299 * r + 0.587 * g + 0.114 * b;
      const auto row = static_cast<std::size_t>(j), column = static_cast<std::size_t>(i);
      cells[0][row][column] = luma;
      cells[1][row][column] = 0.564 * (b - luma);
      cells[2][row][column] = 0.713 * (r - luma);
    }
  }
  return cells;
}

double mean_of(const Grid8& cells, std::size_t row, std::size_t column, std::size_t size) {
  double sum = 0;
  for (std::size_t j = row; j < row + size; ++j) {
    for (std::size_t i = column; i < column + size; ++i) sum += cells[j][i];
  }
  return sum / static_cast<double>(size * size);
}

double gradient_energy(const Grid8& luma) {
  double sum = 0;
  for (std::size_t j = 0; j < 8; ++j) {
    for (std::size_t i = 0; i < 7; ++i) {
      sum += std::pow(luma[j][i + 1] - luma[j][i], 2) + std::pow(luma[i + 1][j] - luma[i][j], 2);
    }
  }
  return sum / 56;
}

void append_waves(std::vector<double>& out, const std::vector<double>& input, std::size_t count,
                  std::uint64_t first_index, double sigma, double share) {
  const double amplitude = std::sqrt(share * 256 / static_cast<double>(count));
  std::vector<double> phases(count);
  for (std::size_t i = 0; i < input.size(); ++i) {
    for (std::size_t k = 0; k < count; ++k) {
      phases[k] += input[i] * nearly_normal(first_index + i * count + k) / sigma;
    }
  }
  for (const double phase : phases) out.push_back(amplitude * std::cos(phase));
  for (const double phase : phases) out.push_back(amplitude * std::sin(phase));
}

std::vector<double> oracle(const Picture& picture, int x0, int x1, int y0, int y1) {
  const auto cells = cells_of(picture, x0, x1, y0, y1);
  const double mean = mean_of(cells[0], 0, 0, 8);
  const double energy = gradient_energy(cells[0]);
  const double gain = 228 / (mean + 100);

  std::vector<double> fine, coarse;
  for (const auto& row : cells[0]) {
    for (const double luma : row) {
      fine.push_back((luma - mean) / 8 * gain / std::sqrt(1.5 + 0.003 * gain * gain * energy));
    }
  }
  fine.push_back(mean / 16);
  coarse.push_back(mean / 40);
  for (const std::size_t channel : {1U, 2U}) {
    for (const std::size_t quadrant : {0U, 1U, 2U, 3U}) {
      fine.push_back(mean_of(cells[channel], quadrant / 2 * 4, quadrant % 2 * 4, 4) / 8 / 2);
    }
    coarse.push_back(mean_of(cells[channel], 0, 0, 8) / 20);
  }
  for (const std::size_t quadrant : {0U, 1U, 2U, 3U}) {
    coarse.push_back((mean_of(cells[0], quadrant / 2 * 4, quadrant % 2 * 4, 4) - mean) / 25 / 2);
  }
  coarse.push_back(std::pow(16 + energy, 0.25));

  std::vector<double> features;
  append_waves(features, fine, 96, 0, std::sqrt(1.187), 0.7);
  append_waves(features, coarse, 32, fine.size() * 96, 1, 0.3);
  return features;
}

TEST(PatchDescriptor, MatchesTheDefinitionInDouble) {
  constexpr unsigned seed = 20250801;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::array<std::array<int, 4>, 7> shapes = {{{384, 384, 14, 14},
                                                     {8, 8, 1, 1},
                                                     {64, 33, 3, 5},
                                                     {71, 97, 9, 4},
                                                     {200, 30, 1, 13},
                                                     {30, 200, 13, 1},
                                                     {300, 300, 1, 1}}};
  for (const auto& [width, height, rows, cols] : shapes) {
    const Picture picture = random_picture(width, height, random);
    const auto features = describe(picture, rows, cols);
    for (int p = 0; p < rows * cols; ++p) {
      const int r = p / cols, c = p % cols;
      const auto expected = oracle(picture, width * c / cols, width * (c + 1) / cols,
                                   height * r / rows, height * (r + 1) / rows);
      for (std::size_t k = 0; k < width_d; ++k) {
        ASSERT_NEAR(features[static_cast<std::size_t>(p) * width_d + k], expected[k], 2e-4)
            << width << "x" << height << " patch " << p << " feature " << k;
      }
    }
  }
}

TEST(PatchDescriptor, EveryPatchHasTheSameNormEvenAFlatOne) {
  for (const double level : {0.0, 1.0, 128.0, 255.0}) {
    const auto features = describe(draw(32, 32, [&](int, int) {
      return Color{level, level, level};
    }));
    double square = 0;
    for (const float value : features)
      square += static_cast<double>(value) * static_cast<double>(value);
    EXPECT_NEAR(square, static_cast<double>(width_d), 1e-3);
  }
}

TEST(PatchDescriptor, DependsOnItsOwnPixelsOnly) {
  std::mt19937 random(7);
  Picture picture = random_picture(100, 60, random);
  const auto before = describe(picture, 3, 5);
  for (int y = 20; y < 40; ++y) {
    for (int x = 40; x < 60; ++x) picture.at(x, y)[1] ^= 0xff;
  }
  const auto after = describe(picture, 3, 5);
  for (std::size_t p = 0; p < 15; ++p) {
    const auto begin = static_cast<std::ptrdiff_t>(p * width_d);
    const bool same =
        std::equal(before.begin() + begin, before.begin() + begin + width_d, after.begin() + begin);
    EXPECT_EQ(same, p != 7) << p;
  }
}

/// The bits are the same whatever the compiler, its options and the processor: kept sets rest on
/// it. A change of the definition changes this number; docs/tokenizer.md must change with it.
TEST(PatchDescriptor, BitsAreFixed) {
  const Picture picture = draw(96, 80, [](int x, int y) {
    return Color{(x * 7 + y * 3) % 256 * 1.0, (x * y) % 256 * 1.0, (x * x + 5 * y) % 256 * 1.0};
  });
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const float value : describe(picture, 3, 4)) {
    hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3U;
  }
  EXPECT_EQ(hash, 14948157066093622221U);
}

// ---- What the cosine must tell apart, on one patch of the default size ----

constexpr int side = 27;
constexpr double tau = patch_descriptor_default_tau;

/// A band-limited texture of the given contrast, moved by `shift` pixels. Defined everywhere, so
/// movement by fractions of a pixel is exact.
Color texture(double x, double y, double contrast, double shift = 0) {
  const double u = x - shift, v = y;
  const double value = std::sin(2 * std::numbers::pi * (u / 9.1 + v / 23.0)) +
                       std::sin(2 * std::numbers::pi * (u / 17.0 - v / 11.3) + 1) +
                       std::sin(2 * std::numbers::pi * (u / 6.3 + v / 31.0) + 2);
  return {120 + contrast * value, 110 + contrast * value, 95 + 0.8 * contrast * value};
}

Picture textured(double contrast, double shift = 0) {
  return draw(side, side, [&](int x, int y) { return texture(x, y, contrast, shift); });
}

Picture flat(const Color& color) {
  return draw(side, side, [&](int, int) { return color; });
}

Picture altered(const Picture& picture, const std::function<double(double)>& change) {
  return draw(picture.width, picture.height, [&](int x, int y) {
    const std::uint8_t* p = picture.at(x, y);
    return Color{change(p[0]), change(p[1]), change(p[2])};
  });
}

class Content : public testing::TestWithParam<double> {
 protected:
  const Picture base = GetParam() == 0 ? flat({120, 110, 95}) : textured(GetParam());
};

TEST_P(Content, StaysAboveTheThresholdUnderNoise) {
  std::mt19937 random(11);
  std::normal_distribution<double> noise(0, 2.5);
  const auto add_noise = [&](double value) { return value + noise(random); };
  for (int trial = 0; trial < 20; ++trial) {
    EXPECT_GT(cosine(altered(base, add_noise), altered(base, add_noise)), tau);
  }
}

TEST_P(Content, StaysAboveTheThresholdUnderSmallChangesOfBrightness) {
  const auto gain = [](double factor) { return [factor](double v) { return v * factor; }; };
  EXPECT_GT(cosine(base, altered(base, gain(0.98))), tau);
  EXPECT_GT(cosine(base, altered(base, gain(1.02))), tau);
  EXPECT_GT(cosine(altered(base, gain(0.98)), altered(base, gain(1.02))), tau);
  EXPECT_GT(cosine(base, altered(base, [](double v) { return v + 4; })), tau);
}

TEST_P(Content, FallsBelowTheThresholdWhenAnotherColorAppears) {
  for (const Color& other :
       {Color{140, 130, 115}, Color{90, 85, 70}, Color{120, 110, 160}, Color{150, 100, 90}}) {
    EXPECT_LT(cosine(base, flat(other)), tau);
  }
}

TEST_P(Content, FallsBelowTheThresholdWhenAnEdgeCoversATenth) {
  for (const double step : {30.0, -30.0, 80.0}) {
    Picture covered = base;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < 3; ++x) {
        for (int c = 0; c < 3; ++c) {
          covered.at(x, y)[c] = static_cast<std::uint8_t>(std::clamp(100 + step, 0.0, 255.0));
        }
      }
    }
    EXPECT_LT(cosine(base, covered), tau) << step;
  }
}
INSTANTIATE_TEST_SUITE_P(Contrasts, Content, testing::Values(0.0, 4.0, 10.0, 25.0));

TEST(PatchDescriptor, SeesATextureMove) {
  for (const double contrast : {6.0, 12.0, 25.0}) {
    EXPECT_LT(cosine(textured(contrast), textured(contrast, 1)), tau) << contrast;
    EXPECT_GT(cosine(textured(contrast), textured(contrast, 0.1)), tau) << contrast;
  }
  EXPECT_LT(cosine(textured(25), textured(25, 0.6)), tau);
}

TEST(PatchDescriptor, SeesTextureAppear) {
  EXPECT_LT(cosine(flat({120, 110, 95}), textured(5)), tau);
}

TEST(PatchDescriptor, RanksDifferentPatchesByLikeness) {
  const Picture red = flat({180, 60, 50});
  const double near = cosine(red, flat({160, 65, 60}));
  const double far = cosine(red, flat({40, 80, 200}));
  EXPECT_LT(near, tau);
  EXPECT_GT(near, far + 0.1);
}

TEST(PatchDescriptor, RejectsWhatItCannotDescribe) {
  const std::vector<std::uint8_t> rgb(100 * 60 * 3);
  std::vector<float> features(4 * width_d);
  EXPECT_NO_THROW(describe_patches(rgb, 100, 60, 2, 2, features));
  EXPECT_THROW(describe_patches(rgb, 100, 61, 2, 2, features), Error);
  EXPECT_THROW(describe_patches(rgb, 100, 60, 2, 3, features), Error);
  EXPECT_THROW(describe_patches(rgb, 100, 60, 0, 2, features), Error);
  EXPECT_THROW(describe_patches(rgb, -100, -60, 2, 2, features), Error);
  features.resize(8 * 2 * width_d);
  EXPECT_THROW(describe_patches(rgb, 100, 60, 8, 2, features), Error);  // patches of 7 rows
}

}  // namespace
}  // namespace sluice::kernels

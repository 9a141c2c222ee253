#include "kernels/patch_descriptor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string_view>

#include "kernels/error.h"

namespace sluice::kernels {
namespace {

constexpr std::size_t side = patch_descriptor_cells;
constexpr std::size_t cell_count = side * side;

// What docs/tokenizer.md calls the constants of the distance. Grey levels, unless said otherwise.
constexpr float noise_floor_squared = 1.5F;  // detail below this vanishes
constexpr float contrast_share = 0.003F;     // how much of a patch's contrast is expected noise
constexpr float gain_reference = 128.0F;     // mean luma at which detail is taken as it is …
constexpr float gain_offset = 100.0F;        // … and how weakly detail is scaled elsewhere
constexpr float mean_luma_scale = 16.0F;
constexpr float chroma_scale = 8.0F;
constexpr double fine_share = 0.7;  // of the cosine; the rest is the coarse part's
// σ², chosen so that the cosine is 0.8 where d² = 0.8: 0.7·exp(−0.8/2σ²) + 0.3 = 0.8.
constexpr double fine_bandwidth_squared = 1.187;
constexpr float coarse_luma_scale = 40.0F;
constexpr float coarse_chroma_scale = 20.0F;
constexpr float coarse_layout_scale = 25.0F;
constexpr float coarse_texture_offset = 16.0F;

constexpr std::size_t quadrants = 4;
constexpr std::size_t fine_inputs = cell_count + 1 + 2 * quadrants;  // detail, luma, chroma
constexpr std::size_t coarse_inputs = 3 + quadrants + 1;             // colour, layout, texture
constexpr std::size_t fine_frequencies = 96;
constexpr std::size_t coarse_frequencies = 32;
static_assert(2 * (fine_frequencies + coarse_frequencies) == patch_descriptor_width);

/// [begin, end) of part `index` of `parts`.
struct Range {
  int begin, end;
};
constexpr Range part(int begin, int end, int index, int parts) noexcept {
  const std::int64_t length = end - begin;
  return {begin + static_cast<int>(length * index / parts),
          begin + static_cast<int>(length * (index + 1) / parts)};
}

using Cells = std::array<float, cell_count>;

/// Luma and chroma (BT.601) of the cells' mean colours.
struct CellColors {
  Cells luma, blue, red;
};

struct Sum {
  std::uint64_t red = 0, green = 0, blue = 0;
};

/// In whole numbers, so exact.
Sum sum_pixels(const std::uint8_t* rgb, int width, Range x, Range y) noexcept {
  const std::size_t stride = static_cast<std::size_t>(width) * 3;
  Sum sum;
  for (int row = y.begin; row < y.end; ++row) {
    const std::uint8_t* p =
        rgb + static_cast<std::size_t>(row) * stride + static_cast<std::size_t>(x.begin) * 3;
    for (int column = x.begin; column < x.end; ++column, p += 3) {
      sum.red += p[0];
      sum.green += p[1];
      sum.blue += p[2];
    }
  }
  return sum;
}

CellColors pool(const std::uint8_t* rgb, int width, Range across, Range down) noexcept {
  Cells red{}, green{}, blue{};
  std::size_t cell = 0;
  for (int j = 0; j < patch_descriptor_cells; ++j) {
    const Range y = part(down.begin, down.end, j, patch_descriptor_cells);
    for (int i = 0; i < patch_descriptor_cells; ++i, ++cell) {
      const Range x = part(across.begin, across.end, i, patch_descriptor_cells);
      const Sum sum = sum_pixels(rgb, width, x, y);
      const float inverse = 1.0F / static_cast<float>((y.end - y.begin) * (x.end - x.begin));
      red[cell] = static_cast<float>(sum.red) * inverse;
      green[cell] = static_cast<float>(sum.green) * inverse;
      blue[cell] = static_cast<float>(sum.blue) * inverse;
    }
  }
  CellColors colors;
  for (std::size_t k = 0; k < cell_count; ++k) {
    const float luma = 0.299F * red[k] + 0.587F * green[k] + 0.114F * blue[k];
    colors.luma[k] = luma;
    colors.blue[k] = 0.564F * (blue[k] - luma);
    colors.red[k] = 0.713F * (red[k] - luma);
  }
  return colors;
}

/// Sums in a fixed order, so that every instruction set gives the same bits.
template <std::size_t N>
float total(const std::array<float, N>& values) noexcept {
  std::array<float, side> lanes{};
  for (std::size_t row = 0; row < N / side; ++row) {
    for (std::size_t lane = 0; lane < side; ++lane) lanes[lane] += values[row * side + lane];
  }
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/// Means of the 2×2 quadrants.
std::array<float, quadrants> quadrant_means(const Cells& cells) noexcept {
  constexpr std::size_t half = side / 2;
  std::array<float, quadrants> means{};
  for (std::size_t row = 0; row < side; ++row) {
    const float* p = cells.data() + row * side;
    const std::size_t first = row < half ? 0 : 2;
    means[first] += (p[0] + p[2]) + (p[1] + p[3]);
    means[first + 1] += (p[4] + p[6]) + (p[5] + p[7]);
  }
  for (float& mean : means) mean *= 1.0F / static_cast<float>(half * half);
  return means;
}

/// Mean squared difference between neighbouring cells, across plus down.
float gradient_energy(const Cells& luma) noexcept {
  Cells squares{};
  for (std::size_t row = 0; row < side; ++row) {
    for (std::size_t column = 0; column + 1 < side; ++column) {
      const float across = luma[row * side + column + 1] - luma[row * side + column];
      squares[row * side + column] = across * across;
    }
  }
  for (std::size_t k = 0; k + side < cell_count; ++k) {
    const float down = luma[k + side] - luma[k];
    squares[k] += down * down;
  }
  return total(squares) * (1.0F / static_cast<float>(side * (side - 1)));
}

/// Vectors whose squared Euclidean distances are the header's d² and w².
struct Measurements {
  std::array<float, fine_inputs> fine;
  std::array<float, coarse_inputs> coarse;
};

Measurements measure(const CellColors& colors) {
  const float mean = total(colors.luma) * (1.0F / static_cast<float>(cell_count));
  const float energy = gradient_energy(colors.luma);
  const auto layout = quadrant_means(colors.luma);
  const auto blue = quadrant_means(colors.blue);
  const auto red = quadrant_means(colors.red);

  // Dividing by the mean takes out a change of gain, dividing by the contrast makes the distance
  // depend on how far an edge moved rather than on how strong it is.
  const float gain = (gain_reference + gain_offset) / (mean + gain_offset);
  const float scale =
      gain / (static_cast<float>(side) *
              std::sqrt(noise_floor_squared + contrast_share * gain * gain * energy));
  Measurements m;
  for (std::size_t k = 0; k < cell_count; ++k) m.fine[k] = (colors.luma[k] - mean) * scale;
  m.fine[cell_count] = mean * (1.0F / mean_luma_scale);
  for (std::size_t q = 0; q < quadrants; ++q) {
    // Half, because four quadrants share one mean.
    m.fine[cell_count + 1 + q] = blue[q] * (0.5F / chroma_scale);
    m.fine[cell_count + 1 + quadrants + q] = red[q] * (0.5F / chroma_scale);
    m.coarse[3 + q] = (layout[q] - mean) * (0.5F / coarse_layout_scale);
  }
  m.coarse[0] = mean * (1.0F / coarse_luma_scale);
  m.coarse[1] = ((blue[0] + blue[1]) + (blue[2] + blue[3])) * (0.25F / coarse_chroma_scale);
  m.coarse[2] = ((red[0] + red[1]) + (red[2] + red[3])) * (0.25F / coarse_chroma_scale);
  m.coarse[3 + quadrants] = std::sqrt(std::sqrt(coarse_texture_offset + energy));
  return m;
}

/// SplitMix64's output function.
constexpr std::uint64_t mix(std::uint64_t z) noexcept {
  z += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

/// Number `index` of a fixed sequence of nearly normal numbers: twelve 16-bit uniform numbers,
/// summed in integers, because libm's logarithms differ in their last bits between machines.
double normal(std::uint64_t index) noexcept {
  std::int64_t sum = 0;
  for (std::uint64_t word = 0; word < 3; ++word) {
    const std::uint64_t bits = mix(3 * index + word);
    for (int shift = 0; shift < 64; shift += 16) {
      sum += static_cast<std::int64_t>((bits >> shift) & 0xffff);
    }
  }
  return (static_cast<double>(sum) - 12 * 32767.5) / 65536;
}

/// Frequencies in turns per unit, input-major so that all of an input's are adjacent.
struct Frequencies {
  std::array<float, fine_inputs * fine_frequencies> fine;
  std::array<float, coarse_inputs * coarse_frequencies> coarse;

  Frequencies() {
    std::uint64_t index = 0;
    const double fine_scale = 1 / (2 * std::numbers::pi * std::sqrt(fine_bandwidth_squared));
    for (float& value : fine) value = static_cast<float>(normal(index++) * fine_scale);
    for (float& value : coarse) {
      value = static_cast<float>(normal(index++) * (0.5 / std::numbers::pi));
    }
  }
};

/// cos and sin of 2π·turns, times `amplitude`. Polynomials, because libm's don't vectorise and
/// differ between machines; the error is below 3e-7.
inline void wave(float turns, float amplitude, float& cosine, float& sine) noexcept {
  constexpr float to_nearest = 12582912.0F;  // 1.5·2^23: adding it rounds to a whole number
  constexpr float pi = std::numbers::pi_v<float>;
  const float x = (turns - ((turns + to_nearest) - to_nearest)) * pi;  // half the angle
  const float xx = x * x;
  const float s =
      x * (1 + xx * (-1.F / 6 +
                     xx * (1.F / 120 +
                           xx * (-1.F / 5040 + xx * (1.F / 362880 + xx * (-1.F / 39916800))))));
  const float c =
      1 + xx * (-1.F / 2 +
                xx * (1.F / 24 +
                      xx * (-1.F / 720 +
                            xx * (1.F / 40320 + xx * (-1.F / 3628800 + xx * (1.F / 479001600))))));
  cosine = amplitude * (1 - 2 * s * s);
  sine = amplitude * (2 * s * c);
}

/// One random Fourier feature pair per frequency: `count` cosines, then as many sines.
template <std::size_t Inputs, std::size_t Count>
void encode(const std::array<float, Inputs>& input,
            const std::array<float, Inputs * Count>& frequencies, float amplitude, float* out) {
  constexpr std::size_t block = 32;  // as many sums as fit into registers
  static_assert(Count % block == 0);
  for (std::size_t first = 0; first < Count; first += block) {
    std::array<float, block> turns{};
    for (std::size_t i = 0; i < Inputs; ++i) {
      const float* frequency = frequencies.data() + i * Count + first;
      for (std::size_t k = 0; k < block; ++k) turns[k] += input[i] * frequency[k];
    }
    for (std::size_t k = 0; k < block; ++k) {
      wave(turns[k], amplitude, out[first + k], out[Count + first + k]);
    }
  }
}

void require_sizes(std::size_t pixels, int width, int height, int rows, int cols,
                   std::size_t features) {
  constexpr std::string_view where = "patch descriptor";
  if (width < 1 || height < 1 || rows < 1 || cols < 1 || height / rows < patch_descriptor_cells ||
      width / cols < patch_descriptor_cells) {
    throw input_error(where,
                      concat("a grid of ", rows, "x", cols, " on ", width, "x", height, " pixels"),
                      "patches of at least 8x8 pixels");
  }
  const auto area = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  if (pixels != area * 3) {
    throw input_error(where, concat(pixels, " bytes of picture"), concat(area * 3));
  }
  const auto wanted =
      static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols) * patch_descriptor_width;
  if (features != wanted) {
    throw input_error(where, concat("room for ", features, " features"), concat(wanted));
  }
}

}  // namespace

void describe_patches(std::span<const std::uint8_t> rgb, int width, int height, int rows, int cols,
                      std::span<float> features) {
  require_sizes(rgb.size(), width, height, rows, cols, features.size());
  static const Frequencies frequencies;
  static const auto amplitude = [](double share, std::size_t count) {
    return static_cast<float>(
        std::sqrt(share * patch_descriptor_width / static_cast<double>(count)));
  };
  static const float fine_amplitude = amplitude(fine_share, fine_frequencies);
  static const float coarse_amplitude = amplitude(1 - fine_share, coarse_frequencies);

  float* out = features.data();
  for (int row = 0; row < rows; ++row) {
    const Range y = part(0, height, row, rows);
    for (int column = 0; column < cols; ++column, out += patch_descriptor_width) {
      const Range x = part(0, width, column, cols);
      const Measurements m = measure(pool(rgb.data(), width, x, y));
      encode<fine_inputs, fine_frequencies>(m.fine, frequencies.fine, fine_amplitude, out);
      encode<coarse_inputs, coarse_frequencies>(m.coarse, frequencies.coarse, coarse_amplitude,
                                                out + 2 * fine_frequencies);
    }
  }
}

}  // namespace sluice::kernels

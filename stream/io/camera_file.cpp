#include "stream/io/camera_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "kernels/error.h"
#include "stream/io/text_numbers.h"
#include "stream/json.h"
#include "stream/pose.h"

namespace sluice::stream {
namespace {

constexpr std::size_t most_bytes = 65536;

template <std::size_t count>
std::array<double, count> read_numbers(const std::filesystem::path& path,
                                       std::string_view expected) {
  const std::string text = read_text_file(path, most_bytes);
  const auto words = split_words(text);
  std::array<double, count> numbers{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto number = parse_number(words[i]);
    if (!number)
      throw input_error(path.string(), concat(in_quotes(words[i]), " is no number"), expected);
    if (i < count) numbers[i] = *number;
  }
  if (words.size() != count)
    throw input_error(path.string(), concat("holds ", words.size(), " numbers"), expected);
  return numbers;
}

}  // namespace

Intrinsics read_intrinsics(const std::filesystem::path& path) {
  constexpr std::string_view expected = "intrinsics 3x3: fx 0 cx, 0 fy cy, 0 0 1";
  const auto k = read_numbers<9>(path, expected);
  if (!std::all_of(k.begin(), k.end(), [](double value) { return std::isfinite(value); }))
    throw input_error(path.string(), "a number that is not finite", expected);
  if (k[0] <= 0 || k[4] <= 0)
    throw input_error(path.string(), concat("focal lengths ", k[0], " and ", k[4]),
                      "positive numbers of pixels");
  if (k[3] != 0 || k[6] != 0 || k[7] != 0 || k[8] != 1)
    throw input_error(path.string(), "the lower left is not 0 or the last number not 1", expected);
  // Calibration tools fit a little skew to noise; much of it is another kind of matrix.
  if (std::abs(k[1]) > 0.01 * k[0])
    throw input_error(path.string(), concat("skew ", k[1]), "square pixels, that is 0");
  return {k[0], k[4], k[2], k[5]};
}

Pose read_pose(const std::filesystem::path& path) {
  constexpr std::string_view expected = "a rigid transform 4x4 in metres, last row 0 0 0 1";
  const Pose pose = read_numbers<16>(path, expected);
  if (!is_finite(pose)) throw input_error(path.string(), "a number that is not finite", expected);
  if (!is_rigid(pose)) throw input_error(path.string(), "is not rigid", expected);
  return pose;
}

}  // namespace sluice::stream

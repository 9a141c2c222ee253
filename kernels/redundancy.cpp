#include "kernels/redundancy.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/row_kernels.h"

namespace sluice::kernels {
namespace {

constexpr float undefined = std::numeric_limits<float>::quiet_NaN();

/// Decides one position over time; knows the square of the row it saw last.
class RowComparer {
 public:
  RowComparer(const cpu::RowKernels& kernels, DType dtype, std::int64_t width, double tau)
      : kernels_(kernels),
        dtype_(dtype),
        width_(width),
        tau_(tau),
        band_(2 * cpu::dot_error(width)) {}

  /// Takes the first row of a position; true if it is finite.
  bool start(const void* row) {
    float unused = 0;
    kernels_.dot_and_square(row, row, dtype_, width_, &unused, &square_);
    row_ = row;
    return finite(row, square_);
  }

  /// Compares the next row with the one before it; true if `row` is finite.
  bool next(const void* row, std::uint8_t& redundant, float& similarity) {
    float dot = 0;
    float square = 0;
    kernels_.dot_and_square(row_, row, dtype_, width_, &dot, &square);
    decide(row, dot, square, redundant, similarity);
    square_ = square;
    row_ = row;
    return finite(row, square);
  }

 private:
  /// Squares outside this range may have overflowed or lost their small terms in f32.
  static bool trustworthy(float square) { return square > 1e-20f && square < 1e30f; }

  bool finite(const void* row, float square) const {
    if (std::isfinite(square)) return true;
    return std::isfinite(kernels_.dot_f64(row, row, dtype_, width_));
  }

  void decide(const void* row, float dot, float square, std::uint8_t& redundant,
              float& similarity) const {
    if (trustworthy(square) && trustworthy(square_)) {
      const double cosine = static_cast<double>(dot) /
                            std::sqrt(static_cast<double>(square) * static_cast<double>(square_));
      similarity = static_cast<float>(cosine);
      if (std::abs(cosine - tau_) > band_) {
        redundant = cosine > tau_;
        return;
      }
    }
    decide_in_double(row, redundant, similarity);
  }

  void decide_in_double(const void* row, std::uint8_t& redundant, float& similarity) const {
    const double dot = kernels_.dot_f64(row_, row, dtype_, width_);
    const double length = std::sqrt(kernels_.dot_f64(row_, row_, dtype_, width_) *
                                    kernels_.dot_f64(row, row, dtype_, width_));
    const bool defined = std::isfinite(length) && length > 0;
    redundant = defined && dot > tau_ * length;
    similarity = defined ? static_cast<float>(dot / length) : undefined;
  }

  const cpu::RowKernels& kernels_;
  DType dtype_;
  std::int64_t width_;
  double tau_;
  double band_;
  const void* row_ = nullptr;
  float square_ = 0;
};

/// Positions per task: neighbours share cache lines of the outputs, so keep them on one thread.
constexpr std::int64_t positions_per_task = 16;
/// Frames per task: few enough to share the work evenly and to be stopped soon, so many that
/// reading one more frame to start with costs nothing.
constexpr std::int64_t frames_per_task = 256;

}  // namespace

void require_frame(const TensorView& frame, std::string_view where) {
  if (frame.rank() != 2 || frame.empty())
    throw input_error(where, concat("has shape ", frame.shape().to_string()),
                      "[positions, width] with at least one of each");
  if (!is_feature_type(frame.dtype()))
    throw input_error(where, concat("has type ", name(frame.dtype())), "f32, f16 or bf16");
  if (frame.device().kind != Device::Kind::cpu || !frame.is_contiguous())
    throw input_error(where, "is strided or not in host memory", "contiguous rows in host memory");
}

void redundancy_map(Resources& resources, std::span<const TensorView> frames, double tau,
                    RedundancyMap& map) {
  if (frames.empty()) throw input_error("redundancy map", "no frames", "at least one");
  require_frame(frames[0], "features of frame 0");
  for (std::size_t f = 1; f < frames.size(); ++f)
    if (!(frames[f].shape() == frames[0].shape()) || frames[f].dtype() != frames[0].dtype() ||
        !frames[f].is_contiguous())
      throw input_error(
          concat("features of frame ", f),
          concat(name(frames[f].dtype()), " ", frames[f].shape().to_string()),
          concat(name(frames[0].dtype()), " ", frames[0].shape().to_string(), ", as frame 0"));

  const auto count = static_cast<std::int64_t>(frames.size());
  const std::int64_t positions = frames[0].size(0);
  map.frames = count;
  map.positions = positions;
  map.redundant.resize(static_cast<std::size_t>((count - 1) * positions));
  map.similarity.resize(map.redundant.size());
  map.finite.resize(static_cast<std::size_t>(count * positions));

  // Position by position, not frame by frame: the row that was just read is still in the cache when
  // the next frame's row is compared with it.
  const std::int64_t stretches = (count + frames_per_task - 1) / frames_per_task;
  const std::int64_t groups = (positions + positions_per_task - 1) / positions_per_task;
  resources.pool().parallel_for(stretches * groups, [&](std::int64_t task, int) {
    RowComparer comparer(resources.rows(), frames[0].dtype(), frames[0].size(1), tau);
    const std::int64_t first = task / groups * frames_per_task;
    const std::int64_t last = std::min(first + frames_per_task, count) - 1;
    const std::int64_t begin = task % groups * positions_per_task;
    const std::int64_t end = std::min(begin + positions_per_task, positions);
    for (std::int64_t p = begin; p < end; ++p) {
      const std::int64_t before = std::max<std::int64_t>(first - 1, 0);
      const bool finite = comparer.start(frames[static_cast<std::size_t>(before)].row(p));
      if (first == 0) map.finite[static_cast<std::size_t>(p)] = finite;
      for (std::int64_t f = before + 1; f <= last; ++f) {
        const auto pair = static_cast<std::size_t>((f - 1) * positions + p);
        map.finite[pair + static_cast<std::size_t>(positions)] = comparer.next(
            frames[static_cast<std::size_t>(f)].row(p), map.redundant[pair], map.similarity[pair]);
      }
    }
  });
}

void compare_frames(Resources& resources, const TensorView& previous, const TensorView& current,
                    double tau, std::span<std::uint8_t> redundant, std::span<float> similarity,
                    std::span<std::uint8_t> current_finite) {
  require_frame(current, "features");
  if (previous.defined() &&
      (!(previous.shape() == current.shape()) || previous.dtype() != current.dtype()))
    throw input_error(
        "features", concat(name(current.dtype()), " ", current.shape().to_string()),
        concat(name(previous.dtype()), " ", previous.shape().to_string(), ", as the frame before"));
  const std::int64_t positions = current.size(0);
  const std::int64_t tasks = (positions + positions_per_task - 1) / positions_per_task;
  resources.pool().parallel_for(tasks, [&](std::int64_t task, int) {
    RowComparer comparer(resources.rows(), current.dtype(), current.size(1), tau);
    const std::int64_t end = std::min((task + 1) * positions_per_task, positions);
    for (std::int64_t p = task * positions_per_task; p < end; ++p) {
      const auto at = static_cast<std::size_t>(p);
      if (previous.defined()) {
        comparer.start(previous.row(p));
        current_finite[at] = comparer.next(current.row(p), redundant[at], similarity[at]);
      } else {
        current_finite[at] = comparer.start(current.row(p));
        redundant[at] = 0;
        similarity[at] = undefined;
      }
    }
  });
}

}  // namespace sluice::kernels

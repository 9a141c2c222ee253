#include "kernels/row_operations.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/row_kernels.h"

namespace sluice::kernels {
namespace {

/// True if no element is NaN, infinite or so large that sums of it might have overflowed.
bool has_finite_square(const cpu::RowKernels& kernels, const float* row, std::int64_t width) {
  float unused = 0;
  float square = 0;
  kernels.dot_and_square(row, row, DType::f32, width, &unused, &square);
  return std::isfinite(square);
}

struct BlendShares {
  float centre, member;
};

BlendShares blend_shares(const ClusterBlend& blend, std::int64_t members) {
  if (blend.plain_mean) {
    const float share = 1.0f / static_cast<float>(members + 1);
    return {share, share};
  }
  const auto beta = static_cast<float>(blend.beta);
  return {beta, (1.0f - beta) / static_cast<float>(std::max<std::int64_t>(members, 1))};
}

/// Columns per task where rows are too few to keep all threads busy.
constexpr std::int64_t columns_per_task = 256;

}  // namespace

void mean_over_frames(Resources& resources, std::span<const TensorView> frames,
                      std::span<const std::int32_t> positions, std::span<float> means) {
  const std::int64_t width = frames[0].size(1);
  const auto& kernels = resources.rows();
  const float share = 1.0f / static_cast<float>(frames.size());
  resources.pool().parallel_for(
      static_cast<std::int64_t>(positions.size()), [&](std::int64_t i, int) {
        float* mean = means.data() + i * width;
        const std::int32_t position = positions[static_cast<std::size_t>(i)];
        kernels.load(mean, frames[0].row(position), frames[0].dtype(), width);
        for (const auto& frame : frames.subspan(1))
          kernels.add_scaled(mean, frame.row(position), frame.dtype(), 1.0f, width);
        if (frames.size() == 1) return;
        kernels.scale(mean, share, width);
        if (has_finite_square(kernels, mean, width)) return;
        // The sum may have overflowed: shares of huge values don't.
        std::fill_n(mean, width, 0.0f);
        for (const auto& frame : frames)
          kernels.add_scaled(mean, frame.row(position), frame.dtype(), share, width);
      });
}

void gather_rows(Resources& resources, const TensorView& frame,
                 std::span<const std::int32_t> positions, std::span<float> rows) {
  const std::int64_t width = frame.size(1);
  resources.pool().parallel_for(static_cast<std::int64_t>(positions.size()), [&](std::int64_t i,
                                                                                 int) {
    resources.rows().load(rows.data() + i * width,
                          frame.row(positions[static_cast<std::size_t>(i)]), frame.dtype(), width);
  });
}

void blend_clusters(Resources& resources, std::span<const float> rows, std::int64_t width,
                    std::span<const std::int32_t> centres, std::span<const std::int32_t> cluster,
                    const ClusterBlend& blend, std::span<const std::int64_t> output_rows,
                    Tensor& output) {
  const auto& kernels = resources.rows();
  const std::size_t row_bytes = static_cast<std::size_t>(width) * item_size(output.dtype());
  resources.pool().parallel_for(static_cast<std::int64_t>(centres.size()), [&](std::int64_t c,
                                                                               int) {
    thread_local std::vector<float> sum;
    sum.resize(static_cast<std::size_t>(width));
    const auto centre = static_cast<std::size_t>(centres[static_cast<std::size_t>(c)]);
    const auto row = [&](std::size_t i) {
      return rows.data() + static_cast<std::int64_t>(i) * width;
    };
    const std::int64_t members = std::count(cluster.begin(), cluster.end(), c) - 1;
    const BlendShares shares = blend_shares(blend, members);
    const auto add_members = [&](float factor) {
      std::fill(sum.begin(), sum.end(), 0.0f);
      for (std::size_t i = 0; i < cluster.size(); ++i)
        if (cluster[i] == c && i != centre)
          kernels.add_scaled(sum.data(), row(i), DType::f32, factor, width);
    };
    const auto add_centre = [&] {
      kernels.add_scaled(sum.data(), row(centre), DType::f32, shares.centre, width);
    };
    if (members == 0) {
      kernels.load(sum.data(), row(centre), DType::f32, width);
    } else {
      add_members(1.0f);
      kernels.scale(sum.data(), shares.member, width);
      add_centre();
      if (!has_finite_square(kernels, sum.data(), width)) {  // as in mean_over_frames
        add_members(shares.member);
        add_centre();
      }
    }
    auto* target = static_cast<std::byte*>(output.data()) +
                   static_cast<std::size_t>(output_rows[static_cast<std::size_t>(c)]) * row_bytes;
    kernels.store(target, sum.data(), output.dtype(), width);
  });
}

void distinctness(Resources& resources, const TensorView& frame,
                  std::span<const std::uint8_t> finite, std::span<float> score) {
  const auto& kernels = resources.rows();
  const DType dtype = frame.dtype();
  const std::int64_t positions = frame.size(0);
  const std::int64_t width = frame.size(1);
  thread_local std::vector<float> inverse_length;
  thread_local std::vector<float> direction;
  inverse_length.resize(static_cast<std::size_t>(positions));
  direction.assign(static_cast<std::size_t>(width), 0.0f);

  resources.pool().parallel_for(
      positions, [&, lengths = inverse_length.data()](std::int64_t p, int) {
        float unused = 0;
        float square = 0;
        if (finite[static_cast<std::size_t>(p)] != 0)
          kernels.dot_and_square(frame.row(p), frame.row(p), dtype, width, &unused, &square);
        const bool usable = square > 0 && std::isfinite(square);
        lengths[p] = usable ? 1.0f / std::sqrt(square) : 0.0f;
      });
  const std::int64_t tasks = (width + columns_per_task - 1) / columns_per_task;
  resources.pool().parallel_for(
      tasks, [&, lengths = inverse_length.data(), mean = direction.data()](std::int64_t task, int) {
        const std::int64_t begin = task * columns_per_task;
        const std::int64_t columns = std::min(columns_per_task, width - begin);
        const std::size_t offset = static_cast<std::size_t>(begin) * item_size(dtype);
        for (std::int64_t p = 0; p < positions; ++p)
          if (lengths[p] > 0)
            kernels.add_scaled(mean + begin, frame.row(p) + offset, dtype, lengths[p], columns);
      });
  float unused = 0;
  float square = 0;
  kernels.dot_and_square(direction.data(), direction.data(), DType::f32, width, &unused, &square);
  const float scale = square > 0 && std::isfinite(square) ? 1.0f / std::sqrt(square) : 0.0f;

  resources.pool().parallel_for(positions, [&, lengths = inverse_length.data(),
                                            mean = direction.data()](std::int64_t p, int) {
    const auto at = static_cast<std::size_t>(p);
    score[at] = 0;
    if (!(lengths[p] > 0)) return;
    thread_local std::vector<float> widened;
    const void* row = frame.row(p);
    if (dtype != DType::f32) {
      widened.resize(static_cast<std::size_t>(width));
      kernels.load(widened.data(), row, dtype, width);
      row = widened.data();
    }
    float dot = 0;
    float row_square = 0;
    kernels.dot_and_square(mean, row, DType::f32, width, &dot, &row_square);
    score[at] = 1.0f - dot * lengths[p] * scale;
  });
}

bool is_finite_row(const cpu::RowKernels& kernels, const TensorView& features, std::int64_t row) {
  const std::byte* elements = features.row(row);
  const DType dtype = features.dtype();
  const std::int64_t width = features.size(1);
  float unused = 0;
  float square = 0;
  kernels.dot_and_square(elements, elements, dtype, width, &unused, &square);
  // In f32 the square of large elements overflows; in f64 that of no f32 does.
  return std::isfinite(square) || std::isfinite(kernels.dot_f64(elements, elements, dtype, width));
}

void mark_finite(Resources& resources, const TensorView& features, std::span<std::uint8_t> finite) {
  resources.pool().parallel_for(features.size(0), [&](std::int64_t row, int) {
    finite[static_cast<std::size_t>(row)] = is_finite_row(resources.rows(), features, row);
  });
}

}  // namespace sluice::kernels

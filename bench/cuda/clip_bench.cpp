// HoliTom's outer merge of whole clips, and the redundancy pass that it begins with.
#include <cstddef>
#include <cstring>
#include <string>

#include "bench/cuda/benchmarks.h"
#include "bench/cuda/inputs.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/redundancy.h"
#include "temporal/cuda_clip_reducer.h"
#include "temporal/reduce.h"

namespace sluice::bench {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::cuda::DeviceTensor;
using kernels::cuda::StreamResources;

/// One clip in one type, on both sides, and what the CPU makes of it.
struct Clip {
  Tensor host;
  DeviceTensor features;
  DeviceTensor attention;
  temporal::Reduction expected;
};

/// Of the squared distances that the clusterings compare.
double pair_operations(const temporal::Reduction& reduction, std::int64_t width) {
  constexpr double operations_per_element = 3;  // subtract, multiply, add
  double operations = 0;
  for (const auto& segment : reduction.segments) {
    if (segment.frames() == 1) continue;
    double rows = 0;
    for (std::int64_t p = 0; p < reduction.positions; ++p) {
      bool redundant = true;
      for (std::int64_t f = segment.first; f < segment.last && redundant; ++f)
        redundant =
            reduction.redundancy.redundant[static_cast<std::size_t>(f * reduction.positions + p)] !=
            0;
      rows += redundant ? 1 : 0;
    }
    operations += rows * (rows - 1) / 2 * static_cast<double>(width) * operations_per_element;
  }
  return operations;
}

bool same_tokens(StreamResources& device, const temporal::CudaReduction& found,
                 const temporal::Reduction& expected) {
  Tensor features;
  kernels::cuda::download(device, found.features, features);
  const Tensor& wanted = expected.tokens.features;
  return found.assignment == expected.assignment && found.tokens.key == expected.tokens.key &&
         found.tokens.weight == expected.tokens.weight && features.shape() == wanted.shape() &&
         std::memcmp(features.view().data(), wanted.view().data(), wanted.byte_size()) == 0;
}

Record outer_merge(Context& context, const Clip& clip, Record record) {
  record.what = "outer merge";
  temporal::CudaClipReducer reducer(context.device, {});
  temporal::CudaReduction result;
  measure_wall(context, record.wall,
               [&] { reducer.reduce(clip.features, clip.attention, result); });
  record.bytes =
      static_cast<double>(clip.host.byte_size() + clip.expected.tokens.features.byte_size());
  record.f64_operations = pair_operations(clip.expected, clip.host.size(2));
  record.kept = result.features.size(0);
  record.same_as_cpu = same_tokens(context.device, result, clip.expected);
  return record;
}

Record redundancy_pass(Context& context, const Clip& clip, Record record) {
  record.what = "redundancy pass";
  const double tau = temporal::HolitomParameters{}.tau;
  const auto start_work = [&] {
    const StreamResources::DeviceScratch scratch(context.device);
    (void)kernels::cuda::redundancy_map(context.device, clip.features, tau);
  };
  measure_wall(context, record.wall, [&] {
    start_work();
    context.device.wait("redundancy pass");
  });
  measure_device(context, record.device, start_work);
  record.bytes = static_cast<double>(clip.host.byte_size());

  const StreamResources::Scratch scratch(context.device);
  kernels::RedundancyMap found;
  kernels::cuda::download(context.device,
                          kernels::cuda::redundancy_map(context.device, clip.features, tau), found);
  for (const auto bit : found.redundant) record.kept += bit == 0;
  record.kept += clip.host.size(1);  // the first frame's
  record.same_as_cpu = found.redundant == clip.expected.redundancy.redundant &&
                       found.finite == clip.expected.redundancy.finite;
  return record;
}

}  // namespace

void run_clip(Context& context, const VideoShape& shape, std::vector<Record>& records) {
  const PlantedVideo video = planted_video(context.host, shape);
  Record record;
  record.shape = {shape.frames, shape.positions, shape.width};
  record.checksum = checksum(video.features);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    Clip clip;
    clip.host = in_type(context.host, video.features, dtype);
    kernels::cuda::upload(context.device, clip.host, clip.features);
    kernels::cuda::upload(context.device, video.attention, clip.attention);
    clip.expected = temporal::reduce(context.host, clip.host, video.attention, {});
    record.dtype = dtype;
    records.push_back(redundancy_pass(context, clip, record));
    records.push_back(outer_merge(context, clip, record));
  }
}

}  // namespace sluice::bench

// Max-min selection, the diversity filter of a control tick, for one to three cameras at once.
#include <cstddef>
#include <numeric>
#include <span>

#include "bench/cuda/benchmarks.h"
#include "bench/cuda/inputs.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/max_min.h"
#include "kernels/max_min.h"

namespace sluice::bench {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;
using kernels::cuda::MaxMinProblem;
using kernels::cuda::StreamResources;

constexpr std::int64_t tokens = 256, width = 4096, keep = 64, most_cameras = 3;

/// What the CPU keeps, one camera behind the other.
std::vector<std::int32_t> kept_by_cpu(kernels::Resources& host, const TensorView& features) {
  std::vector<std::int32_t> candidates(static_cast<std::size_t>(tokens)), kept, all;
  std::iota(candidates.begin(), candidates.end(), 0);
  kernels::MaxMinWorkspace workspace;
  for (std::int64_t camera = 0; camera < features.size(0); ++camera) {
    kernels::max_min(host, features[camera], candidates, keep, workspace, kept);
    all.insert(all.end(), kept.begin(), kept.end());
  }
  return all;
}

/// features [C,256,4096] on both sides.
Record select(Context& context, const TensorView& on_host, const TensorView& on_device,
              Record record) {
  const std::int64_t cameras = on_host.size(0);
  std::vector<MaxMinProblem> problems;
  for (std::int64_t camera = 0; camera < cameras; ++camera)
    problems.push_back({on_device[camera], nullptr, tokens, keep});
  std::vector<std::int32_t> kept;
  const auto call = [&] {  // until the indices are on the host, as a packet needs them
    const StreamResources::Scratch scratch(context.device);
    auto* indices = context.device.device_array<std::int32_t>(cameras * keep);
    kernels::cuda::max_min(context.device, problems, indices);
    const auto copy = context.device.host_copy(indices, cameras * keep);
    context.device.wait("selection");
    kept.assign(copy.begin(), copy.end());
  };
  record.what = "max-min selection";
  record.shape = {cameras, tokens, width};
  measure_wall(context, record.wall, call);
  record.bytes = static_cast<double>(on_host.byte_size());
  record.f64_operations =
      static_cast<double>(cameras * tokens * (tokens - 1) / 2 * width) * 2;  // multiply, add
  record.kept = static_cast<std::int64_t>(kept.size());
  record.same_as_cpu = kept == kept_by_cpu(context.host, on_host);
  return record;
}

}  // namespace

void run_selection(Context& context, std::vector<Record>& records) {
  for (std::int64_t cameras = 1; cameras <= most_cameras; ++cameras) {
    const Tensor planted = planted_video(context.host, {cameras, tokens, width}).features;
    Record record;
    record.checksum = checksum(planted);
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
      const Tensor features = in_type(context.host, planted, dtype);
      kernels::cuda::DeviceTensor on_device;
      kernels::cuda::upload(context.device, features, on_device);
      record.dtype = dtype;
      records.push_back(select(context, features, on_device, record));
    }
  }
}

}  // namespace sluice::bench

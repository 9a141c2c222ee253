#include <cmath>

#include "python/src/bindings.h"
#include "python/src/fields.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"
#include "python/src/token_columns.h"
#include "spatial3d/voxel_tokens.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

nb::dict voxel_pool(nb::handle features_, nb::handle xyz_, nb::handle frame_, nb::handle pts_,
                    nb::handle size_, nb::handle max_tokens_, nb::handle cap, nb::handle seed_) {
  using spatial3d::CapChoice;
  const auto size = value_of<double>(size_, "size");
  const auto max_tokens = value_of<std::int64_t>(max_tokens_, "max_tokens");
  const auto seed = value_of<std::uint64_t>(seed_, "seed");
  const auto choice_of_cap = choice<CapChoice>(
      cap, "cap", {{"farthest", CapChoice::farthest}, {"sampled", CapChoice::seeded_sample}});
  if (!(size > 0 && std::isfinite(static_cast<float>(size))))
    throw input_error("size", concat(size), "metres, above 0");
  if (max_tokens < 0) throw input_error("max_tokens", concat(max_tokens), "0 (no cap) or more");
  const TensorArgument features(features_, "features");
  const TensorArgument xyz(xyz_, "xyz");
  const TensorArgument frame(frame_, "frame");
  const TensorArgument pts(pts_, "pts");
  spatial3d::VoxelTokens result;
  {
    const nb::gil_scoped_release release;
    features.require_shape({-1, -1}, "[points, width]");
    const std::int64_t points = features.view().size(0);
    xyz.require_shape({points, 3}, "[points, 3]");
    const std::vector<float> places = xyz.floats();
    std::vector<std::int32_t> frames(static_cast<std::size_t>(points), 0);
    if (frame.given()) {
      frame.require_shape({points}, "[points]");
      frames = frame.small_integers();
    }
    std::vector<double> times(frames.begin(), frames.end());
    if (pts.given()) {
      pts.require_shape({points}, "[points]");
      times = pts.doubles();
    }
    BorrowedResources resources;
    result = spatial3d::voxel_tokens(resources, features.view(), places, frames, times,
                                     {.voxel_size = static_cast<float>(size),
                                      .max_tokens = max_tokens,
                                      .cap_choice = choice_of_cap,
                                      .seed = seed});
  }
  nb::dict fields;
  fields["source"] = source_fields(result.tokens.source);
  fields["columns"] = columns_of(std::move(result.tokens));
  fields["views"] = tensor_result(std::move(result.views));
  fields["assignment"] = tensor_result(std::move(result.assignment));
  fields["voxels"] = result.voxels;
  return fields;
}

}  // namespace

void bind_voxel_pool(nb::module_& module) {
  module.def("voxel_pool", &voxel_pool, nb::arg("features").none(), nb::arg("xyz").none(),
             nb::arg("frame").none(), nb::arg("pts").none(), nb::arg("size").none(),
             nb::arg("max_tokens").none(), nb::arg("cap").none(), nb::arg("seed").none(),
             "Patches with places become voxel tokens; see sluice.voxel_pool.");
}

}  // namespace sluice::python

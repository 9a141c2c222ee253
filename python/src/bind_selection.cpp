#include <algorithm>
#include <numeric>

#include "kernels/error.h"
#include "kernels/max_min.h"
#include "kernels/row_operations.h"
#include "python/src/bindings.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

std::vector<std::int32_t> candidate_rows(const TensorArgument& candidates, std::int64_t rows) {
  std::vector<std::int32_t> list;
  if (!candidates.given()) {
    list.resize(static_cast<std::size_t>(rows));
    std::iota(list.begin(), list.end(), 0);
    return list;
  }
  candidates.require_shape({-1}, "[candidates]");
  list = candidates.small_integers();
  std::int32_t before = -1;
  for (const std::int32_t row : list) {
    if (row <= before || row >= rows)
      throw input_error("candidates", concat("row ", row, " after ", before),
                        concat("ascending rows, below ", rows));
    before = row;
  }
  return list;
}

/// Exactly `keep` of the candidates, ascending: sound rows by max-min, and broken ones only when
/// nothing else is left, the lowest first.
std::vector<std::int64_t> choose(kernels::Resources& resources, const kernels::TensorView& features,
                                 const std::vector<std::int32_t>& candidates, std::int64_t keep) {
  std::vector<std::int32_t> sound, broken, kept;
  for (const std::int32_t row : candidates)
    (is_finite_row(resources.rows(), features, row) ? sound : broken).push_back(row);
  kernels::MaxMinWorkspace workspace;
  max_min(resources, features, sound, keep, workspace, kept);
  std::vector<std::int64_t> rows;
  for (const std::int32_t index : kept) rows.push_back(sound[static_cast<std::size_t>(index)]);
  for (std::size_t i = 0; std::ssize(rows) < keep; ++i) rows.push_back(broken[i]);
  std::sort(rows.begin(), rows.end());
  return rows;
}

nb::object maxmin(nb::handle features_, std::int64_t keep, nb::handle candidates_) {
  const TensorArgument features(features_, "features");
  const TensorArgument candidates(candidates_, "candidates");
  std::vector<std::int64_t> rows;
  {
    const nb::gil_scoped_release release;
    features.require_shape({-1, -1}, "[tokens, width]");
    if (!kernels::is_feature_type(features.view().dtype()))
      throw input_error("features", concat("has type ", kernels::name(features.view().dtype())),
                        "f32, f16 or bf16");
    const auto list = candidate_rows(candidates, features.view().size(0));
    if (keep < 0 || keep > std::ssize(list))
      throw input_error("keep", concat(keep), concat("0 to ", list.size(), " candidates"));
    BorrowedResources resources;
    rows = choose(resources, features.view(), list, keep);
  }
  return tensor_result(std::move(rows));
}

}  // namespace

void bind_selection(nb::module_& module) {
  module.def("maxmin", &maxmin, nb::arg("features"), nb::arg("keep"), nb::arg("candidates").none(),
             "Max-min diversity; see sluice.maxmin.");
}

}  // namespace sluice::python

#include "python/src/bindings.h"
#include "python/src/holitom_options.h"
#include "python/src/reduction_fields.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "temporal/reduce.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

nb::dict reduce(nb::handle features_, nb::handle attention_, nb::handle parameters_) {
  const auto parameters = holitom_parameters(parameters_);
  const TensorArgument features(features_, "features");
  const TensorArgument attention(attention_, "attention");
  kernels::TensorView scores = attention.view();
  std::vector<float> converted;
  temporal::Reduction result;
  {
    const nb::gil_scoped_release release;
    if (attention.given() && scores.dtype() != kernels::DType::f32) {
      converted = attention.floats();
      scores = {converted.data(), kernels::DType::f32, scores.shape()};
    }
    BorrowedResources resources;
    result = temporal::reduce(resources, features.view(), scores, parameters);
  }
  return reduction_fields(result);
}

}  // namespace

void bind_reduce(nb::module_& module) {
  module.def("reduce", &reduce, nb::arg("features").none(), nb::arg("attention").none(),
             nb::arg("parameters").none(), "HoliTom's outer stage on one clip; see sluice.reduce.");
  module.def(
      "check_holitom", [](nb::handle parameters) { (void)holitom_parameters(parameters); },
      nb::arg("parameters").none(), "Raises InputError for a field that is out of range.");
}

}  // namespace sluice::python

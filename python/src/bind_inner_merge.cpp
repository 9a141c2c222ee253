#include "python/src/bindings.h"
#include "python/src/prompt_attention.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"
#include "temporal/inner_merge.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

nb::dict inner_merge(nb::handle hidden_, nb::handle attention_, std::int64_t span_start,
                     std::int64_t n_in, std::int64_t n_out, bool running) {
  const TensorArgument hidden(hidden_, "hidden");
  const TensorArgument attention(attention_, "attention");
  temporal::InnerMerge result;
  {
    const nb::gil_scoped_release release;
    const std::vector<double> mean = mean_over_heads(attention);
    if (attention.given() && mean.empty() && n_in > 0)
      throw input_error("attention", "holds no values", "one per token");
    BorrowedResources resources;
    temporal::inner_merge(resources,
                          {.hidden = hidden.view(),
                           .attention = mean,
                           .span_start = span_start,
                           .n_in = n_in,
                           .n_out = n_out,
                           .running = running},
                          result);
  }
  nb::dict fields;
  fields["hidden"] = tensor_result(std::move(result.hidden));
  fields["keep"] = tensor_result(std::move(result.keep));
  fields["keep_in_span"] = tensor_result(std::move(result.keep_in_span));
  fields["assignment"] = tensor_result(std::move(result.assignment));
  fields["weight"] = tensor_result(std::move(result.weight));
  return fields;
}

}  // namespace

void bind_inner_merge(nb::module_& module) {
  module.def("inner_merge", &inner_merge, nb::arg("hidden"), nb::arg("attention").none(),
             nb::arg("span_start"), nb::arg("n_in"), nb::arg("n_out"), nb::arg("running"),
             "HoliTom's merge inside a language model; see sluice.inner_merge.");
}

}  // namespace sluice::python

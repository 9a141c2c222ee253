#include "python/src/holitom_options.h"

#include "python/src/fields.h"

namespace sluice::python {

temporal::HolitomParameters holitom_parameters(nanobind::handle object) {
  using temporal::Rounding;
  using temporal::TokenOrder;
  temporal::HolitomParameters parameters;
  parameters.retain = field<double>(object, "retain");
  parameters.budget = optional_field<std::int64_t>(object, "budget");
  parameters.tau = field<double>(object, "tau");
  parameters.beta = field<double>(object, "beta");
  parameters.plain_mean = field<bool>(object, "plain_mean");
  parameters.neighbours = field<int>(object, "knn");
  parameters.contextual = field<double>(object, "contextual");
  parameters.max_window = field<std::int64_t>(object, "max_window");
  if (parameters.max_window < 1)
    throw input_error("max_window", concat(parameters.max_window), "at least 1 frame");
  parameters.rounding =
      choice<Rounding>(object.attr("rounding"), "rounding",
                       {{"exact", Rounding::exact}, {"parity", Rounding::parity}});
  parameters.order = choice<TokenOrder>(
      object.attr("order"), "order",
      {{"static-first", TokenOrder::static_first}, {"spatial", TokenOrder::spatial}});
  validate(parameters);
  return parameters;
}

}  // namespace sluice::python

#include "python/src/prompt_attention.h"

#include "kernels/error.h"
#include "spatial3d/stage_gate.h"

namespace sluice::python {

std::vector<double> mean_over_heads(const TensorArgument& attention) {
  std::vector<double> mean;
  if (!attention.given()) return mean;
  const auto& view = attention.view();
  if (view.rank() > 2 || (view.rank() == 2 && view.size(0) < 1))
    throw input_error(attention.name(), concat("has shape ", view.shape().to_string()),
                      "[tokens] or [heads, tokens]");
  spatial3d::head_mean(attention.floats(), view.rank() == 2 ? view.size(0) : 1, mean);
  return mean;
}

}  // namespace sluice::python

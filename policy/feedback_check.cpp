#include "policy/feedback_check.h"

#include <algorithm>
#include <cmath>

namespace sluice::policy {
namespace {

bool is_action(const kernels::Tensor& action) noexcept {
  if (!action.defined()) return true;
  if (action.dtype() != kernels::DType::f32 || action.shape().rank() != 2) return false;
  const auto* values = static_cast<const float*>(action.data());
  return std::all_of(values, values + action.shape().element_count(),
                     [](float value) { return std::isfinite(value); });
}

bool has_source_twice(std::span<const stream::SourceFeedback> sources) noexcept {
  for (std::size_t i = 0; i < sources.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (sources[i].source == sources[j].source) return true;
  return false;
}

}  // namespace

bool is_attention_on(std::int64_t tokens, std::span<const float> attention) noexcept {
  if (attention.empty()) return true;
  return std::ssize(attention) == tokens &&
         std::all_of(attention.begin(), attention.end(),
                     [](float value) { return value >= 0 && std::isfinite(value); });
}

bool is_well_formed(const stream::Feedback& feedback) noexcept {
  const auto& latency = feedback.model_latency_ms;
  if (latency && !(std::isfinite(*latency) && *latency >= 0)) return false;
  return is_action(feedback.action) && !has_source_twice(feedback.sources);
}

}  // namespace sluice::policy

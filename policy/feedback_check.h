// Whether feedback can belong to the packet that it answers.
#pragma once

#include <cstdint>
#include <span>

#include "stream/feedback.h"

namespace sluice::policy {

/// Attention on so many tokens of one source: none given, or one finite value ≥ 0 for each.
[[nodiscard]] bool is_attention_on(std::int64_t tokens, std::span<const float> attention) noexcept;

/// The action, where there is one, is f32 [H,A] and finite; the latency, where there is one, finite
/// and ≥ 0. No source is there twice.
[[nodiscard]] bool is_well_formed(const stream::Feedback& feedback) noexcept;

}  // namespace sluice::policy

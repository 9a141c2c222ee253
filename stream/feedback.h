// What the model tells back about a packet: attention per token, action, latency. Same codec as
// packets, other direction; specified in docs/packet.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::stream {

/// Attention that one source's tokens received, in the order in which they were sent.
struct SourceFeedback {
  std::string source;
  std::vector<float> semantic_attention;  ///< [n], from the prefill; may be empty
  std::vector<float> action_attention;    ///< [n], from the action tokens; may be empty
};

struct Feedback {
  std::string stream;
  std::int64_t episode = 0;
  std::int64_t tick = 0;
  std::vector<SourceFeedback> sources;
  kernels::Tensor action;  ///< [H,A] f32, undefined if there is none
  std::optional<double> model_latency_ms;
};

[[nodiscard]] std::vector<std::byte> encode(const Feedback& feedback);
/// Throws sluice::Error for anything that is not a valid feedback message.
[[nodiscard]] Feedback decode_feedback(std::span<const std::byte> blob, std::string_view where);

}  // namespace sluice::stream

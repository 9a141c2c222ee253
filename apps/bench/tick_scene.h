// What a robot's cameras might show, and what its model looks at, made up for benchmarks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "policy/tick_engine.h"
#include "stream/feedback.h"
#include "stream/packet.h"

namespace sluice::apps {

struct TickShape {
  std::int64_t cameras = 3;
  std::int64_t tokens = 256;  ///< of each camera
  std::int64_t width = 2048;  ///< D
  kernels::DType dtype = kernels::DType::f32;
  /// Semantic scores come with the tokens, as from the attention of the model's own prefill.
  bool semantic = false;
};

/// A dozen surfaces per camera, a hand that moves over them, noise in every tick. Patches of one
/// surface have a cosine near 0.9, those of different ones near 0.2. Everything is hashed from
/// integers: the same in every run and on every machine.
class TickScene {
 public:
  /// `frames` different ones, which come round again and again.
  TickScene(kernels::Resources& resources, const TickShape& shape, std::int64_t frames);
  TickScene(const TickScene&) = delete;
  TickScene& operator=(const TickScene&) = delete;

  [[nodiscard]] const TickShape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::int64_t frames() const noexcept { return std::ssize(sources_); }
  /// Bytes of features in one tick.
  [[nodiscard]] std::int64_t tick_bytes() const noexcept;
  [[nodiscard]] static std::string camera_id(std::int64_t camera);

  /// What a tick engine takes, in the order of the cameras.
  [[nodiscard]] const std::vector<policy::TickSource>& sources(std::int64_t tick) const noexcept {
    return sources_[static_cast<std::size_t>(tick % frames())];
  }
  /// Simulated attention: the instruction stays with a target, actions follow the hand.
  [[nodiscard]] float semantic(std::int64_t camera, std::int64_t tick,
                               std::int64_t position) const noexcept;
  [[nodiscard]] float action(std::int64_t camera, std::int64_t tick,
                             std::int64_t position) const noexcept;
  /// The model's answer to a packet; keys are positions.
  void answer(const stream::Packet& packet, stream::Feedback& feedback) const;

 private:
  void add_semantic();

  TickShape shape_;
  std::int32_t rows_, cols_;
  std::vector<std::vector<stream::TokenBatch>> batches_;  ///< [frame][camera]
  std::vector<std::vector<float>> semantic_;              ///< [frame · cameras + camera]
  std::vector<std::vector<policy::TickSource>> sources_;  ///< [frame][camera]
};

}  // namespace sluice::apps

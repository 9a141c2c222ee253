#include "apps/bench/selection_inputs.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>

#include "kernels/error.h"
#include "kernels/resources.h"
#include "kernels/row_operations.h"
#include "policy/decay.h"
#include "policy/dual_level.h"
#include "stream/safetensors.h"

namespace sluice::apps {
namespace {

using Clock = std::chrono::steady_clock;
using kernels::DType;

/// One camera after the other, with the memory that a tick engine would keep.
class Selection {
 public:
  Selection(const TickShape& shape, const SelectionInputs& inputs)
      : shape_(shape),
        inputs_(inputs),
        weights_(policy::decay_weights(inputs.window, inputs.decay)) {
    workspace_.reserve(shape.tokens, shape.width);
    action_.resize(static_cast<std::size_t>(shape.tokens));
    finite_.assign(static_cast<std::size_t>(shape.tokens), 1);
  }

  void select(const kernels::TensorView& features, std::int64_t frame, std::int64_t camera,
              std::int64_t keep) {
    const auto n = static_cast<std::size_t>(shape_.tokens);
    const auto at = static_cast<std::size_t>(frame * shape_.cameras + camera);
    const auto semantic = std::span(inputs_.semantic).subspan(at * n, n);
    const auto window = static_cast<std::size_t>(inputs_.window);
    const auto history = std::span(inputs_.history).subspan(at * window * n, window * n);
    for (std::size_t token = 0; token < n; ++token) {
      double sum = 0;
      for (std::size_t row = 0; row < window; ++row)
        sum += weights_[row] * static_cast<double>(history[row * n + token]);
      action_[token] = static_cast<float>(sum);
    }
    policy::select_dual_level(resources_, features, semantic, action_, finite_, keep, workspace_,
                              kept_);
  }
  [[nodiscard]] const std::vector<std::int32_t>& kept() const noexcept { return kept_; }
  [[nodiscard]] std::size_t candidates() const noexcept { return workspace_.united.size(); }

 private:
  TickShape shape_;
  const SelectionInputs& inputs_;
  std::vector<double> weights_;
  kernels::Resources resources_{1};
  policy::DualLevelWorkspace workspace_;
  std::vector<float> action_;
  std::vector<std::uint8_t> finite_;
  std::vector<std::int32_t> kept_;
};

}  // namespace

SelectionInputs selection_inputs(const TickScene& scene) {
  const TickShape& shape = scene.shape();
  SelectionInputs inputs;
  // From a tick on that has the whole window before it.
  for (std::int64_t tick = inputs.window; tick < inputs.window + scene.frames(); ++tick)
    for (std::int64_t camera = 0; camera < shape.cameras; ++camera) {
      for (std::int64_t token = 0; token < shape.tokens; ++token)
        inputs.semantic.push_back(scene.semantic(camera, tick, token));
      for (std::int64_t age = 1; age <= inputs.window; ++age)
        for (std::int64_t token = 0; token < shape.tokens; ++token)
          inputs.history.push_back(scene.action(camera, tick - age, token));
    }
  return inputs;
}

Selections run_selections(const TickScene& scene, const SelectionInputs& inputs, std::int64_t keep,
                          std::int64_t ticks) {
  const TickShape& shape = scene.shape();
  Selection selection(shape, inputs);
  Selections selections;
  for (std::int64_t frame = 0; frame < scene.frames(); ++frame)  // which warms up, too
    for (std::int64_t camera = 0; camera < shape.cameras; ++camera) {
      const auto& source = scene.sources(frame)[static_cast<std::size_t>(camera)];
      selection.select(source.tokens->features, frame, camera, keep);
      const auto candidates = static_cast<double>(selection.candidates());
      selections.keep.insert(selections.keep.end(), selection.kept().begin(),
                             selection.kept().end());
      selections.candidates += candidates;
      selections.multiply_adds += candidates * candidates * static_cast<double>(shape.width);
    }
  selections.candidates /= static_cast<double>(scene.frames() * shape.cameras);
  selections.multiply_adds /= static_cast<double>(scene.frames());

  std::vector<double> samples;
  for (std::int64_t tick = 0; tick < ticks; ++tick) {
    const std::int64_t frame = tick % scene.frames();
    const auto begin = Clock::now();
    for (std::int64_t camera = 0; camera < shape.cameras; ++camera)
      selection.select(scene.sources(frame)[static_cast<std::size_t>(camera)].tokens->features,
                       frame, camera, keep);
    samples.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  selections.ms = spread_of(std::move(samples));
  return selections;
}

void write_selection(const std::filesystem::path& path, const TickScene& scene,
                     const SelectionInputs& inputs, const Selections& selections) {
  const TickShape& shape = scene.shape();
  const std::int64_t frames = scene.frames();
  kernels::Tensor embeddings(shape.dtype, {frames, shape.cameras, shape.tokens, shape.width});
  auto* out = static_cast<std::byte*>(embeddings.data());
  for (std::int64_t frame = 0; frame < frames; ++frame)
    for (const policy::TickSource& source : scene.sources(frame)) {
      const kernels::TensorView features = source.tokens->features;
      std::memcpy(out, features.data(), features.byte_size());
      out += features.byte_size();
    }
  const auto kept = std::ssize(selections.keep) / (frames * shape.cameras);
  const std::vector<stream::NamedTensor> tensors{
      {"embeddings", embeddings.view()},
      {"semantic", {inputs.semantic.data(), DType::f32, {frames, shape.cameras, shape.tokens}}},
      {"history",
       {inputs.history.data(), DType::f32, {frames, shape.cameras, inputs.window, shape.tokens}}},
      {"keep", {selections.keep.data(), DType::i64, {frames, shape.cameras, kept}}}};
  stream::write_safetensors(path, tensors, {{"decay", concat(inputs.decay)}});
}

}  // namespace sluice::apps

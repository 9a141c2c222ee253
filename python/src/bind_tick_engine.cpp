#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "policy/tick_engine.h"
#include "python/src/bindings.h"
#include "python/src/exclusive.h"
#include "python/src/fields.h"
#include "python/src/packet_fields.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "python/src/tick_options.h"
#include "python/src/token_columns.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using policy::FeedbackFate;
using policy::TickStatus;

const char* name_of(TickStatus status) noexcept {
  switch (status) {
    case TickStatus::ok: return "ok";
    case TickStatus::no_tokens: return "no_tokens";
    case TickStatus::bad_input: return "bad_input";
    case TickStatus::over_budget: return "over_budget";
    case TickStatus::old_tick: return "old_tick";
    case TickStatus::failed: return "failed";
  }
  return "failed";
}

constexpr const char* fate_names[policy::feedback_fates] = {
    "applied",      "stale",  "duplicate", "other_episode",
    "unknown_tick", "future", "malformed", "other_stream"};

std::chrono::nanoseconds deadline_of(double seconds) {
  if (!(std::abs(seconds) < 1e6))
    throw input_error("deadline", concat(seconds), "seconds, below a million");
  return std::chrono::nanoseconds(std::llround(1e9 * seconds));
}

/// What one source brings to a tick; memory is kept from tick to tick.
struct Input {
  stream::TokenBatch batch;
  std::vector<float> semantic;
  std::vector<std::int32_t> pinned;
  std::optional<TensorArgument> features;

  /// `tokens`: None, or a sluice.TickTokens.
  void read(nb::handle tokens) {
    features.reset();
    semantic.clear();
    pinned.clear();
    if (tokens.is_none()) return;
    features =
        read_columns(nb::cast<nb::dict>(tokens.attr("columns")()), tokens.attr("source"), batch);
    const TensorArgument scores(tokens.attr("semantic"), "semantic");
    if (scores.given()) {
      scores.require_shape({features->view().size(0)}, "[tokens]");
      semantic = scores.floats();
    }
    const TensorArgument rows(tokens.attr("pinned"), "pinned");
    if (rows.given()) {
      rows.require_shape({-1}, "[pinned]");
      pinned = rows.small_integers();
    }
  }
  /// Valid until let_go().
  [[nodiscard]] policy::TickSource offer() {
    if (!features) return {};
    batch.features = kernels::Tensor::borrow(features->view());
    return {.tokens = &batch, .semantic = semantic, .pinned = pinned};
  }
  void let_go() {
    batch.features = {};
    features.reset();
  }
};

/// Nobody's memory is held on to when a step is over, however it ends.
struct LetGo {
  std::vector<Input>& inputs;
  ~LetGo() {
    for (Input& input : inputs) input.let_go();
  }
};

/// A TickEngine with threads of its own.
class Engine {
 public:
  explicit Engine(nb::handle options) : state_(std::make_unique<State>(tick_options(options))) {}
  ~Engine() {
    if (!guard_.is_at_home()) (void)state_.release();
  }

  /// inputs: [sources] of None or sluice.TickTokens. Returns the status and the packet's fields;
  /// without a packet that may be sent, None.
  nb::tuple step(nb::list inputs, nb::handle tick_, nb::handle clock, nb::handle deadline_) {
    const Exclusive::Use use(guard_);
    const auto tick = value_of<std::int64_t>(tick_, "tick");
    const auto clock_s = value_of<double>(clock, "clock");
    const auto deadline = deadline_of(value_of<double>(deadline_, "deadline"));
    const LetGo let_go{state_->inputs};
    state_->inputs.resize(nb::len(inputs));
    for (std::size_t i = 0; i < state_->inputs.size(); ++i) state_->inputs[i].read(inputs[i]);
    state_->sources.clear();
    for (Input& input : state_->inputs) state_->sources.push_back(input.offer());
    TickStatus status = TickStatus::failed;
    std::vector<stream::TokenBatch> kept;
    {
      const nb::gil_scoped_release release;
      status = state_->engine.step({tick, clock_s, state_->sources}, deadline, state_->packet);
      kept = state_->kept();
    }
    const bool is_packet = status == TickStatus::ok || status == TickStatus::no_tokens;
    if (!is_packet) return nb::make_tuple(name_of(status), nb::none());
    return nb::make_tuple(name_of(status), packet_fields(state_->packet, std::move(kept)));
  }

  const char* feedback(nb::handle feedback) {
    const Exclusive::Use use(guard_);
    const FeedbackFate fate = state_->engine.feedback(feedback_from(feedback));
    return fate_names[static_cast<std::size_t>(fate)];
  }

  void reset(nb::handle episode) {
    const Exclusive::Use use(guard_);
    state_->engine.reset(value_of<std::int64_t>(episode, "episode"));
  }

  [[nodiscard]] nb::dict feedback_counts() {
    const Exclusive::Use use(guard_);
    const auto& counts = state_->engine.feedback_counts();
    nb::dict fields;
    for (std::size_t fate = 0; fate < policy::feedback_fates; ++fate)
      fields[fate_names[fate]] = counts.by_fate[fate];
    fields["unanswered"] = counts.unanswered;
    return fields;
  }

  [[nodiscard]] std::string problem() {
    const Exclusive::Use use(guard_);
    return state_->engine.problem();
  }

 private:
  struct State {
    explicit State(const policy::TickEngineOptions& options)
        : resources(threads()), engine(resources, options) {}

    /// The engine's packet has room for the most that there can be, and is filled again in every
    /// tick; what leaves is as large as what was kept.
    [[nodiscard]] std::vector<stream::TokenBatch> kept() const {
      std::vector<stream::TokenBatch> batches(packet.batches.size());
      for (std::size_t i = 0; i < batches.size(); ++i)
        stream::copy_tokens(packet.batches[i], batches[i]);
      return batches;
    }

    kernels::Resources resources;
    policy::TickEngine engine;
    stream::Packet packet;
    std::vector<Input> inputs;
    std::vector<policy::TickSource> sources;
  };

  Exclusive guard_{"tick engine"};
  std::unique_ptr<State> state_;
};

}  // namespace

void bind_tick_engine(nb::module_& module) {
  nb::class_<Engine>(module, "TickEngine", "See sluice.TickEngine.")
      .def(nb::init<nb::handle>(), nb::arg("options").none())
      .def("step", &Engine::step, nb::arg("inputs"), nb::arg("tick").none(),
           nb::arg("clock").none(), nb::arg("deadline").none())
      .def("feedback", &Engine::feedback, nb::arg("feedback").none(), "What became of it.")
      .def("reset", &Engine::reset, nb::arg("episode").none())
      .def("feedback_counts", &Engine::feedback_counts)
      .def("problem", &Engine::problem);
}

}  // namespace sluice::python

#include "apps/sample/control_evidence.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/error.h"

namespace sluice::sample {
namespace {

using policy::TickEngineOptions;

TickEngineOptions with_selector(const char* name) {
  TickEngineOptions options;
  options.selector = name;
  options.selector_options.seed = 7;
  return options;
}

TickEngineOptions published() {
  TickEngineOptions options = with_selector("vla-pruner-published");
  options.refresh_share = 0;
  options.action_history.absent_decay = 0;
  options.action_history.reversed = true;
  options.semantic_history.window = 1;  // the last prefill alone
  options.semantic_history.absent_decay = 0;
  return options;
}

TickEngineOptions semantic_only() {
  TickEngineOptions options = with_selector("semantic");
  options.refresh_share = 0;
  return options;
}

/// The role's place in a result; `sought_count`: not sought.
std::size_t sought(Role role) noexcept {
  switch (role) {
    case Role::target: return static_cast<std::size_t>(Sought::target);
    case Role::gripper: return static_cast<std::size_t>(Sought::gripper);
    case Role::newcomer: return static_cast<std::size_t>(Sought::newcomer);
    default: return sought_count;
  }
}

/// What becomes of one object over the episode.
class Tally {
 public:
  Tally(const ControlEpisode& episode, ControlResult& result) : episode_(episode), result_(result) {
    first_seen_.assign(id::count, -1);
    had_token_.assign(id::count, 0);
  }

  void add(std::int64_t tick, const std::vector<std::int32_t>& sent) {
    for (const SceneObject& object : episode_.objects)
      if (sought(object.role) < sought_count) add(tick, object, sent);
  }

 private:
  void add(std::int64_t tick, const SceneObject& object, const std::vector<std::int32_t>& sent) {
    patches_of(episode_, tick, object.id, patches_);
    std::int64_t& first = first_seen_[object.id];
    if (patches_.empty() && first < 0) return;
    if (first < 0) first = tick;
    const auto kept = std::count_if(patches_.begin(), patches_.end(), [&](std::int32_t patch) {
      return std::binary_search(sent.begin(), sent.end(), patch);
    });
    if (object.role == Role::newcomer && !add_newcomer(tick - first, object.id, kept > 0)) return;
    if (patches_.empty()) return;
    Recall& recall = result_.recall[sought(object.role)];
    recall.sum += static_cast<double>(kept) / static_cast<double>(patches_.size());
    ++recall.ticks;
  }

  /// Whether it still counts as new.
  bool add_newcomer(std::int64_t age, std::uint8_t object, bool has_token) {
    if (age == 0) ++result_.newcomers;
    if (age >= newcomer_ticks) return false;
    had_token_[object] = had_token_[object] != 0 || has_token ? 1 : 0;
    if (had_token_[object] == 0) ++result_.first_token_ticks;
    return true;
  }

  const ControlEpisode& episode_;
  ControlResult& result_;
  std::vector<std::int64_t> first_seen_;  // by object; −1: not yet
  std::vector<std::uint8_t> had_token_;
  std::vector<std::int32_t> patches_;
};

struct Answer {
  std::int64_t arrives = 0;  // tick before whose step it is there
  stream::Feedback feedback;
};

}  // namespace

std::vector<ControlMethod> compared_methods() {
  return {{"ours", {}},
          {"published", published()},
          {"semantic only", semantic_only()},
          {"features alone", semantic_only(), false},
          {"uniform", with_selector("uniform")},
          {"random", with_selector("random")},
          {"downsampling", with_selector("downsample")}};
}

std::vector<ControlMethod> ours_without_a_piece() {
  const auto without = [](const char* name, auto change) {
    ControlMethod method{name, {}};
    change(method.engine);
    return method;
  };
  return {
      {"ours", {}},
      without("without novelty", [](TickEngineOptions& options) { options.novelty.on = false; }),
      without("without saliency beside attention",
              [](TickEngineOptions& options) { options.selector_options.saliency_weight = 0; }),
      without("without carried attention",
              [](TickEngineOptions& options) { options.novelty.carries_attention = false; }),
      without("without evidence: union and max-min alone",
              [](TickEngineOptions& options) { options.selector_options.evidence_share = 0; }),
      without("without max-min: evidence alone",
              [](TickEngineOptions& options) { options.selector_options.evidence_share = 1; }),
      without("without refreshing", [](TickEngineOptions& options) { options.refresh_share = 0; }),
      without("absent attention counts as zero", [](TickEngineOptions& options) {
        options.action_history.absent_decay = options.semantic_history.absent_decay = 0;
      })};
}

void run_control(const ControlEpisode& episode, const ControlMethod& method, std::int64_t budget,
                 AttentionScope scope, const SimulatedAttentionOptions& attention,
                 ControlResult& result) {
  TickEngineOptions options = method.engine;
  options.budget.tokens = budget;
  const std::int64_t width = episode.ticks.front().tokens.features.size(1);
  options.sources = {{.id = "camera", .max_rows = episode.patches, .max_width = width}};
  kernels::Resources resources(1);
  policy::TickEngine engine(resources, options);
  SimulatedModel model(episode, attention);
  Tally tally(episode, result);
  std::vector<Answer> on_the_way;
  std::vector<float> prefill;
  stream::Packet packet;

  for (std::int64_t tick = 0; tick < std::ssize(episode.ticks); ++tick) {
    std::erase_if(on_the_way, [&](const Answer& answer) {
      if (answer.arrives > tick) return false;
      (void)engine.feedback(answer.feedback);
      return true;
    });
    const ControlTick& shown = episode.ticks[static_cast<std::size_t>(tick)];
    policy::TickSource source{.tokens = &shown.tokens};
    if (scope == AttentionScope::prefill && method.gets_feedback) {
      model.prefill(tick, prefill);
      source.semantic = prefill;
    }
    const auto status = engine.step({tick, shown.clock_s, std::span(&source, 1)},
                                    std::chrono::milliseconds(0), packet);
    if (status != policy::TickStatus::ok || packet.kept != budget)
      throw input_error("control evidence", concat("tick ", tick, ": ", engine.problem()),
                        "a packet");
    const auto& sent = packet.batches.front().position;
    tally.add(tick, sent);

    Answer answer;
    answer.arrives = tick + model.delay(tick);
    answer.feedback.stream = packet.stream;
    answer.feedback.tick = tick;
    model.look(tick, sent, answer.feedback.sources.emplace_back());
    if (method.gets_feedback && answer.arrives > tick) on_the_way.push_back(std::move(answer));
  }
}

}  // namespace sluice::sample

#include "apps/loop/loop_config_keys.h"

#include "policy/budget_controller.h"
#include "policy/selector.h"

namespace sluice::apps {
namespace {

/// Those of the root table itself.
ConfigKeys<policy::TickEngineOptions> engine_keys() {
  using Options = policy::TickEngineOptions;
  return {
      named_values_key("fixed_shape", &Options::fixed_shape,
                       {{"off", policy::FixedShape::off},
                        {"pad", policy::FixedShape::pad},
                        {"hold", policy::FixedShape::hold}},
                       "For servers that need a constant number of rows: filled up with marked "
                       "padding, or before that with what was sent last of other places"),
      named_values_key("warm_up", &Options::published_warm_up,
                       {{"none", false}, {"published", true}},
                       "published: until the action history is full, everything is sent, whatever "
                       "the budget; without feedback for ever"),
      text_key("stream", &Options::stream, "a name", "Name of the stream in packets and feedback",
               Decides::no),
  };
}

ConfigKeys<policy::TickEngineOptions> selector_keys() {
  using Options = policy::TickEngineOptions;
  const auto names = policy::selector_names();
  return {
      choice_key("name", &Options::selector, {names.begin(), names.end()},
                 "How a source's tokens are chosen; all but the first are for comparison"),
      number_key("refresh_share", &Options::refresh_share, between(0, 1, "share"),
                 "Share of each source's tokens for what was not sent lately, so that nothing is "
                 "locked out"),
  };
}

ConfigKeys<policy::TickEngineOptions> feedback_keys() {
  return {number_key("stale_after", &policy::TickEngineOptions::stale_after,
                     between(1, 65'536, "ticks"),
                     "Feedback on a tick this far back is counted and not applied")};
}

ConfigKeys<policy::SelectorOptions> selector_option_keys() {
  using Options = policy::SelectorOptions;
  return {
      number_key("evidence_share", &Options::evidence_share, between(0, 1, "share"),
                 "vla-pruner: share of the places that go by attention, novelty and saliency added "
                 "up; the rest go as published"),
      number_key("novelty_weight", &Options::novelty_weight, at_least(0, "weight"),
                 "vla-pruner: of what changed, where both kinds of attention together weigh 1"),
      number_key("saliency_weight", &Options::saliency_weight, at_least(0, "weight"),
                 "vla-pruner: the same of what stands out from the other tokens"),
      number_key("seed", &Options::seed, at_least(0, ""),
                 "Seed of the selector random; the others draw nothing"),
  };
}

ConfigKeys<policy::NoveltyOptions> novelty_keys() {
  using Options = policy::NoveltyOptions;
  return {
      flag_key("on", &Options::on, "What changed since it was sent counts, attended or not"),
      number_key("threshold", &Options::threshold, between(0, 1, "1 - cosine"),
                 "So much more than the source's median token must one have changed"),
      flag_key("carries_attention", &Options::carries_attention,
               "What moves takes the attention of its neighbours along"),
  };
}

ConfigKeys<policy::AttentionHistoryOptions> history_keys(const std::string& whose) {
  using Options = policy::AttentionHistoryOptions;
  constexpr double most_ticks = 1024;
  return {
      number_key("window", &Options::window, between(1, most_ticks, "answered ticks"),
                 whose + " attention of so many ticks counts; more is steadier and lags more"),
      number_key("decay", &Options::decay,
                 {.unit = "weight", .low = 0, .high = 1, .low_is_open = true},
                 "Weight of a tick against the next newer one"),
      number_key("absent_decay", &Options::absent_decay, between(0, 1, "factor"),
                 "What remains per tick of the value of a token that was not sent; 0, as "
                 "published, locks it out"),
      flag_key("reversed", &Options::reversed,
               "The oldest tick weighs most, as in the published base code; for comparison"),
      number_key("forget_after", &Options::forget_after, between(1, most_ticks, "ticks"),
                 "Unsent for so long, a token's past is forgotten; bounds the memory"),
  };
}

ConfigKeys<policy::BudgetOptions> budget_keys() {
  using Options = policy::BudgetOptions;
  constexpr double most = 1 << 24;
  return {
      choice_key("controller", &Options::controller, policy::budget_controller_names(),
                 "The same budget in every tick, what the model can answer within deadline_ms, or "
                 "fewer tokens in fast motion"),
      number_key("tokens", &Options::tokens, between(1, most, "tokens"),
                 "Budget of a tick over all sources; deadline, motion: the most"),
      number_key("least", &Options::least, between(0, most, "tokens"),
                 "deadline, motion: the least budget"),
      number_key("first", &Options::first, between(0, most, "tokens"),
                 "deadline: the budget until something was learned about the model; budget.least "
                 "unless given"),
      number_key("explore_every", &Options::explore_every, between(0, 1e6, "ticks"),
                 "deadline: so often fewer tokens than possible are sent, to learn from; 0: never"),
      number_key("explore_share", &Options::explore_share,
                 {.unit = "share", .low = 0, .high = 1, .high_is_open = true},
                 "deadline: how many fewer; above latency.least_spread to be of use"),
      number_key("fast", &Options::fast, above(0, "action units per second"),
                 "motion: at this speed the least is enough; at standstill it is budget.tokens"),
      number_key("smoothing", &Options::smoothing,
                 {.unit = "weight", .low = 0, .high = 1, .low_is_open = true},
                 "motion: of the newest speed in its running mean"),
  };
}

ConfigKeys<policy::LatencyModelOptions> latency_keys() {
  using Options = policy::LatencyModelOptions;
  const auto open_share = [](std::string unit) {
    return Limits{
        .unit = std::move(unit), .low = 0, .high = 1, .low_is_open = true, .high_is_open = true};
  };
  return {
      number_key("quantile", &Options::quantile, open_share("share"),
                 "Share of the ticks that are to meet the deadline"),
      number_key("window", &Options::window, between(2, 256, "answers"),
                 "Newest answers that count; more is steadier and follows changes more slowly"),
      number_key("least", &Options::least, between(1, 256, "answers"),
                 "So many are needed before anything is predicted; at most the window"),
      number_key("least_spread", &Options::least_spread, open_share("share"),
                 "Token counts nearer to each other say nothing about the cost of a token"),
      number_key("outlier_memory", &Options::outlier_memory, between(2, 1 << 20, "answers"),
                 "The share of stray outliers is measured over so many; at least the window"),
      number_key("reach", &Options::reach,
                 {.unit = "share", .low = 0, .high = 1e6, .low_is_open = true},
                 "How far beyond the largest count that was seen it predicts"),
  };
}

ConfigKeys<stream::ControlLinkOptions> link_keys() {
  using Options = stream::ControlLinkOptions;
  constexpr auto endpoint = "tcp://HOST:PORT or ipc://PATH";
  return {
      text_key("packets", &Options::packets, endpoint, "Listens here, and publishes packets",
               Decides::no),
      text_key("feedback", &Options::feedback, endpoint, "Listens here, and takes feedback",
               Decides::no),
      flag_key("allow_remote", &Options::allow_remote,
               "Listens on more than the loopback interface; give it keys, too", Decides::no),
      scaled_key("max_feedback_kib", &Options::max_feedback, 1024, between(1, 1 << 20, "KiB"),
                 "Largest message; who sends a larger one is cut off", Decides::no),
      number_key("queue", &Options::feedback_queue, between(1, 65'536, "messages"),
                 "So many may wait for a tick; more are dropped and counted", Decides::no),
      number_key("heartbeat_ms", &Options::heartbeat, between(10, 60'000, "ms"),
                 "So often both sides say that they are alive", Decides::no),
      number_key("heartbeat_timeout_ms", &Options::heartbeat_timeout, between(20, 600'000, "ms"),
                 "A model that was silent for so long is gone; above heartbeat_ms", Decides::no),
  };
}

ConfigKeys<LoopCurveFiles> curve_keys() {
  return {
      text_key("secret_key", &LoopCurveFiles::secret_key, "file",
               "The loop's secret key, beside its public one: the link is encrypted", Decides::no),
      text_key("clients", &LoopCurveFiles::clients, "folder",
               "Public keys, *.public, of the models that may connect; unless given, any that "
               "knows the loop's",
               Decides::no),
  };
}

ConfigKeys<LoopConfig> make_root_keys() {
  ConfigKeys<LoopConfig> keys{
      choice_key("preset", &LoopConfig::preset, {"none", "openvla", "openvla-oft"},
                 "Settings of a published method, see Presets; keys that are given replace them",
                 Decides::no),
      number_key("prune_ratio", &LoopConfig::prune_ratio, between(0, 0.99, "share"),
                 "With a preset: share of a camera's 256 tokens that is not kept; unless given 0.5 "
                 "for openvla, 0.75 for openvla-oft",
                 Decides::no),
      number_key("rate_hz", &LoopConfig::rate_hz, between(0.001, 1000, "ticks per second"),
                 "How often a packet is sent"),
      number_key("ticks", &LoopConfig::ticks, at_least(0, "ticks"),
                 "Ends after so many; 0: when all recordings have ended, or with Ctrl-C",
                 Decides::no),
      number_key("deadline_ms", &LoopConfig::deadline_ms, between(0, 3.6e6, "ms"),
                 "Time that the model has for its answer: for the deadline controller, and to "
                 "count misses; 0: no deadline"),
  };
  const auto engine = [](auto& config) -> auto& { return config.engine; };
  add_keys(keys, "", engine_keys(), engine);
  add_keys(keys, "selector", selector_keys(), engine);
  add_keys(keys, "selector", selector_option_keys(),
           [](auto& config) -> auto& { return config.engine.selector_options; });
  add_keys(keys, "novelty", novelty_keys(),
           [](auto& config) -> auto& { return config.engine.novelty; });
  add_keys(keys, "history.action", history_keys("Action"),
           [](auto& config) -> auto& { return config.engine.action_history; });
  add_keys(keys, "history.semantic", history_keys("Semantic"),
           [](auto& config) -> auto& { return config.engine.semantic_history; });
  add_keys(keys, "feedback", feedback_keys(), engine);
  add_keys(keys, "budget", budget_keys(),
           [](auto& config) -> auto& { return config.engine.budget; });
  add_keys(keys, "budget.latency", latency_keys(),
           [](auto& config) -> auto& { return config.engine.budget.latency; });
  keys.push_back(flag_key("link.on", &LoopConfig::link_on,
                          "false: nothing is sent and nobody answers; for a trial with a log",
                          Decides::no));
  add_keys(keys, "link", link_keys(), [](auto& config) -> auto& { return config.link; });
  add_keys(keys, "link.curve", curve_keys(),
           [](auto& config) -> auto& { return config.curve_files; });
  keys.push_back(text_key("metrics.listen", &LoopConfig::metrics, "HOST:PORT, or \"\"",
                          "Serves the metrics here; \"\": nowhere", Decides::no));
  keys.push_back(text_key("log.folder", &LoopConfig::log, "folder",
                          "Writes the tick log here; it must not hold one already", Decides::no));
  return keys;
}

}  // namespace

const ConfigKeys<LoopConfig>& root_keys() {
  static const ConfigKeys<LoopConfig> keys = make_root_keys();
  return keys;
}

namespace {

template <typename Owner>
void append(std::vector<LoopKey>& all, const std::string& table, const ConfigKeys<Owner>& keys,
            const Owner& defaults) {
  for (const ConfigKey<Owner>& key : keys) {
    const std::optional<std::string> value = key.show(defaults);
    std::string shown = key.is_required ? "required" : "none";
    if (!key.is_required && value) shown = key.is_text ? '"' + *value + '"' : *value;
    all.push_back({table.empty() ? key.name : table + '.' + key.name, std::move(shown), key.range,
                   key.meaning});
  }
}

}  // namespace

std::vector<LoopKey> loop_keys() {
  std::vector<LoopKey> all;
  append(all, "", root_keys(), LoopConfig{});
  append(all, "input", input_keys(), LoopInputConfig{});
  append(all, "input.memory", memory_keys(), LoopMemoryConfig{});
  append(all, "input.voxels", voxel_keys(), default_voxels());
  return all;
}

}  // namespace sluice::apps

#include "policy/tick_engine.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "kernels/error.h"
#include "policy/feedback_check.h"
#include "policy/sent_sizes.h"
#include "policy/source_information.h"
#include "policy/source_shares.h"
#include "policy/source_state.h"
#include "stream/fixed_shape.h"
#include "stream/json.h"

namespace sluice::policy {
namespace {

constexpr std::size_t longest_problem = 1000;  // bytes, reserved

/// The least that the controller may decide on while there are enough tokens.
std::int64_t least_budget(const BudgetOptions& options) {
  return options.controller == "fixed" ? options.tokens : options.least;
}

void check(const TickEngineOptions& options) {
  if (options.stream.empty()) throw input_error("tick engine", "no stream id", "one");
  if (options.sources.empty()) throw input_error("tick engine", "no sources", "at least one");
  if (!(options.refresh_share >= 0 && options.refresh_share <= 1))
    throw input_error("tick engine", concat("refresh share ", options.refresh_share), "0 to 1");
  if (!(options.novelty.threshold >= 0 && options.novelty.threshold <= 1))
    throw input_error("tick engine", concat("novelty threshold ", options.novelty.threshold),
                      "0 to 1");
  std::int64_t floors = 0;
  for (std::size_t i = 0; i < options.sources.size(); ++i) {
    const TickSourceOptions& source = options.sources[i];
    floors += std::min(source.floor, most_kept(source, options.fixed_shape));
    for (std::size_t j = 0; j < i; ++j)
      if (source.id == options.sources[j].id)
        throw input_error("tick engine", concat("source ", stream::in_quotes(source.id), " twice"),
                          "every source once");
  }
  if (floors > least_budget(options.budget))
    throw input_error("tick engine", concat("floors of ", floors, " tokens together"),
                      concat("at most the least budget, ", least_budget(options.budget)));
}

}  // namespace

struct TickEngine::State {
  State(kernels::Resources& resources_of_engine, const TickEngineOptions& engine_options);

  TickStatus choose(const TickInputs& inputs, std::chrono::nanoseconds deadline);
  void score();
  [[nodiscard]] std::int64_t decide_budget(std::chrono::nanoseconds deadline);
  [[nodiscard]] bool share();
  void add_totals();
  void fill(const TickInputs& inputs, stream::Packet& packet);
  void fill_empty(const TickInputs& inputs, stream::Packet& packet) const noexcept;
  void commit(const TickInputs& inputs, const stream::Packet& packet);

  [[nodiscard]] bool belongs(const stream::Feedback& feedback) const noexcept;
  void apply(const stream::Feedback& feedback);
  void learn_latency(const stream::Feedback& feedback) noexcept;
  [[nodiscard]] std::size_t index_of(std::string_view source) const noexcept;
  void fail(const char* what) noexcept { problem.assign(what, 0, longest_problem); }

  kernels::Resources& resources;
  TickEngineOptions options;
  std::vector<SourceState> sources;
  std::unique_ptr<Selector> selector;
  std::unique_ptr<BudgetController> controller;
  FeedbackLedger ledger;
  SentSizes sent_sizes;
  std::vector<double> clock_s;  ///< [stale_after], of sent packets, by tick modulo stale_after
  std::int64_t episode = 0;
  std::int64_t sequence = 0;
  std::optional<std::int64_t> last_tick;
  stream::RunningTotals totals;
  std::string problem;

  // This tick.
  std::int64_t budget = 0;
  std::int64_t available = 0;
  stream::RunningTotals next_totals;
  std::vector<SourceEvidence> evidence;
  std::vector<double> information;
  std::vector<SourceClaim> claims;
  std::vector<std::int64_t> shares;
  ShareWorkspace share_workspace;
};

TickEngine::State::State(kernels::Resources& resources_of_engine,
                         const TickEngineOptions& engine_options)
    : resources(resources_of_engine),
      options(engine_options),
      selector(make_selector(options.selector, options.selector_options)),
      controller(make_budget_controller(options.budget)),
      ledger(options.stale_after) {
  check(options);
  std::int64_t most_rows = 0, most_width = 0, most_sent = 0;
  sources.reserve(options.sources.size());
  for (const TickSourceOptions& source : options.sources) {
    sources.emplace_back(source, options, selector->evidence_weights());
    most_rows = std::max(most_rows, source.max_rows);
    most_width = std::max(most_width, source.max_width);
    most_sent = std::max(most_sent, sources.back().most_batch_rows());
  }
  selector->reserve(most_rows, most_width);
  ledger.reserve(std::ssize(sources), most_sent);
  clock_s.resize(static_cast<std::size_t>(options.stale_after));
  problem.reserve(longest_problem);
  evidence.resize(sources.size());
  information.resize(sources.size());
  claims.resize(sources.size());
  shares.resize(sources.size());
  share_workspace.reserve(sources.size());
}

/// Everything that can go wrong comes before the first thing that is remembered.
TickStatus TickEngine::State::choose(const TickInputs& inputs, std::chrono::nanoseconds deadline) {
  if (inputs.tick < 0) throw input_error("tick", concat(inputs.tick), "0 or more");
  if (last_tick && inputs.tick <= *last_tick) {
    problem = concat("tick ", inputs.tick, " after tick ", *last_tick);
    return TickStatus::old_tick;
  }
  if (inputs.sources.size() != sources.size())
    throw input_error("tick", concat(inputs.sources.size(), " sources"), concat(sources.size()));
  for (std::size_t i = 0; i < sources.size(); ++i) sources[i].take(inputs.sources[i]);
  score();
  budget = decide_budget(deadline);
  if (!share()) {
    problem = concat("floors and pinned tokens exceed the budget of ", budget,
                     " tokens, or pinned tokens their source's cap");
    return TickStatus::over_budget;
  }
  for (std::size_t i = 0; i < sources.size(); ++i)
    sources[i].select(resources, *selector, shares[i], options.refresh_share);
  add_totals();
  return available > 0 ? TickStatus::ok : TickStatus::no_tokens;
}

void TickEngine::State::score() {
  for (SourceState& source : sources) source.score(resources);
  const auto gather = [this] {
    for (std::size_t i = 0; i < sources.size(); ++i) evidence[i] = sources[i].evidence();
  };
  gather();
  const bool answered = any_answered(evidence);
  for (SourceState& source : sources)
    if (!answered || source.needs_distinctness()) source.score_distinctness(resources);
  gather();
  weigh_sources(evidence, options.refresh_share, information);
}

std::int64_t TickEngine::State::decide_budget(std::chrono::nanoseconds deadline) {
  available = 0;
  bool warms_up = false;
  for (const SourceState& source : sources) {
    available += source.available();
    warms_up = warms_up || source.is_warming_up();
  }
  if (options.published_warm_up && warms_up) return available;
  const double deadline_ms = std::chrono::duration<double, std::milli>(deadline).count();
  return controller->budget({.deadline_ms = deadline_ms, .available = available});
}

bool TickEngine::State::share() {
  for (std::size_t i = 0; i < sources.size(); ++i) claims[i] = sources[i].claim(information[i]);
  return share_budget(budget, claims, share_workspace, shares);
}

void TickEngine::State::add_totals() {
  next_totals = totals;
  ++next_totals.packets;
  ++next_totals.frames;
  next_totals.available += available;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    next_totals.seen += sources[i].rows();
    next_totals.kept += shares[i];
    next_totals.non_finite += sources[i].non_finite();
  }
}

void TickEngine::State::fill(const TickInputs& inputs, stream::Packet& packet) {
  packet.stream = options.stream;
  packet.sequence = sequence;
  packet.tick = inputs.tick;
  packet.episode = episode;
  packet.segment_first = packet.segment_last = std::nullopt;
  packet.forced_cut = packet.end_of_stream = false;
  packet.retain = 1.0;  // no ratio is promised; the budget is
  packet.budget = budget;
  packet.available = available;
  packet.kept = next_totals.kept - totals.kept;
  packet.totals = next_totals;
  packet.batches.resize(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) sources[i].fill(packet.batches[i]);
}

void TickEngine::State::fill_empty(const TickInputs& inputs,
                                   stream::Packet& packet) const noexcept {
  packet.tick = inputs.tick;
  packet.episode = episode;
  packet.budget = packet.available = packet.kept = 0;
  packet.totals = totals;
  for (stream::TokenBatch& batch : packet.batches) clear_rows(batch);
}

void TickEngine::State::commit(const TickInputs& inputs, const stream::Packet& packet) {
  (void)ledger.sent(inputs.tick, episode, packet.kept);
  sent_sizes.record(inputs.tick, packet.kept);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const stream::TokenBatch& batch = packet.batches[i];
    ledger.sent_keys(i, std::span(batch.key).first(static_cast<std::size_t>(valid_rows(batch))));
    sources[i].record_sent(resources, batch);
  }
  clock_s[static_cast<std::size_t>(inputs.tick) % clock_s.size()] = inputs.clock_s;
  last_tick = inputs.tick;
  totals = next_totals;
  ++sequence;
}

std::size_t TickEngine::State::index_of(std::string_view source) const noexcept {
  const auto found = std::find_if(sources.begin(), sources.end(), [source](const auto& candidate) {
    return candidate.id() == source;
  });
  return static_cast<std::size_t>(found - sources.begin());
}

/// Whether lengths and values fit the packet of that tick.
bool TickEngine::State::belongs(const stream::Feedback& feedback) const noexcept {
  // Before anything that takes longer with more of them: this is the tick's thread.
  if (feedback.sources.size() > sources.size() || !is_well_formed(feedback)) return false;
  return std::all_of(feedback.sources.begin(), feedback.sources.end(), [&](const auto& of_source) {
    const std::size_t source = index_of(of_source.source);
    if (source == sources.size()) return false;
    const auto sent = std::ssize(ledger.keys(feedback.tick, source));
    const std::int64_t rows = sources[source].batch_rows(sent);
    return is_attention_on(rows, of_source.semantic_attention) &&
           is_attention_on(rows, of_source.action_attention);
  });
}

/// Requires that it belongs to a packet that is remembered.
void TickEngine::State::apply(const stream::Feedback& feedback) {
  for (const stream::SourceFeedback& of_source : feedback.sources) {
    const std::size_t source = index_of(of_source.source);
    sources[source].learn(feedback.tick, ledger.keys(feedback.tick, source), of_source);
  }
  learn_latency(feedback);
  if (feedback.action.defined())
    controller->observe_action(feedback.action.as<float>(),
                               clock_s[static_cast<std::size_t>(feedback.tick) % clock_s.size()]);
}

void TickEngine::State::learn_latency(const stream::Feedback& feedback) noexcept {
  const auto& latency_ms = feedback.model_latency_ms;
  if (!latency_ms || !(std::isfinite(*latency_ms) && *latency_ms >= 0)) return;
  if (const auto tokens = sent_sizes.take(feedback.tick))
    controller->observe_latency(*tokens, *latency_ms);
}

TickEngine::TickEngine(kernels::Resources& resources, const TickEngineOptions& options)
    : state_(std::make_unique<State>(resources, options)) {}

TickEngine::~TickEngine() = default;

TickStatus TickEngine::step(const TickInputs& inputs, std::chrono::nanoseconds deadline,
                            stream::Packet& packet) {
  State& state = *state_;
  state.problem.clear();
  TickStatus status = TickStatus::failed;
  try {
    status = state.choose(inputs, deadline);
    if (status == TickStatus::ok || status == TickStatus::no_tokens) {
      state.fill(inputs, packet);
      state.commit(inputs, packet);
      return status;
    }
  } catch (const Error& error) {
    status = error.kind() == Error::Kind::input ? TickStatus::bad_input : TickStatus::failed;
    state.fail(error.what());
  } catch (const std::exception& error) {
    status = TickStatus::failed;
    state.fail(error.what());
  }
  ++state.totals.skipped_input;
  state.fill_empty(inputs, packet);
  return status;
}

const std::string& TickEngine::problem() const noexcept {
  return state_->problem;
}

FeedbackFate TickEngine::feedback(const stream::Feedback& feedback) {
  State& state = *state_;
  if (feedback.stream != state.options.stream) {
    state.ledger.count(FeedbackFate::other_stream);
    return FeedbackFate::other_stream;
  }
  const FeedbackFate fate = state.ledger.judge(feedback.tick, feedback.episode);
  if (fate == FeedbackFate::stale) state.learn_latency(feedback);
  if (fate != FeedbackFate::applied) return fate;
  if (!state.belongs(feedback)) {
    state.ledger.reject(feedback.tick);
    return FeedbackFate::malformed;
  }
  state.apply(feedback);
  return fate;
}

void TickEngine::reset(std::int64_t episode) {
  State& state = *state_;
  state.ledger.reset(episode);
  state.sent_sizes.clear();
  for (SourceState& source : state.sources) source.reset();
  state.controller->reset();
  state.episode = episode;
  state.last_tick.reset();
}

/// Without a fixed shape, the budget bounds the rows of all sources together.
std::size_t TickEngine::most_token_bytes() const noexcept {
  const State& state = *state_;
  const bool is_bounded =
      state.options.fixed_shape == FixedShape::off && !state.options.published_warm_up;
  std::int64_t all = 0, widest = 0;
  for (const SourceState& source : state.sources) {
    all += source.most_batch_rows() * source.most_row_bytes();
    widest = std::max(widest, source.most_row_bytes());
  }
  return static_cast<std::size_t>(is_bounded ? std::min(all, state.options.budget.tokens * widest)
                                             : all);
}

const FeedbackCounts& TickEngine::feedback_counts() const noexcept {
  return state_->ledger.counts();
}

std::span<const float> TickEngine::action_scores(std::size_t source) const noexcept {
  return state_->sources[source].action_scores();
}

}  // namespace sluice::policy

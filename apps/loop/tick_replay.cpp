#include "apps/loop/tick_replay.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "apps/loop/input_tokens.h"
#include "apps/loop/loop_engine.h"
#include "apps/loop/tick_recorder.h"
#include "apps/stage_timer.h"
#include "kernels/error.h"
#include "kernels/patch_descriptor.h"
#include "kernels/resources.h"

namespace sluice::apps {
namespace {

/// Time stamps are rounded on their way through containers; a frame that is due is not left out
/// for that.
constexpr double time_tolerance_s = 1e-6;

/// One input, and what of it a tick is offered.
struct ReplayedInput {
  std::unique_ptr<LoopInput> input;
  InputTokens now;   ///< frame −1: nothing yet
  InputTokens next;  ///< of recordings: the one after it
  bool has_next = false;
};

std::vector<InputShape> shapes_of(const std::vector<ReplayedInput>& inputs) {
  std::vector<InputShape> shapes;
  for (const ReplayedInput& input : inputs) shapes.push_back(input.input->shape());
  return shapes;
}

/// What both kinds of replay share: engine, packet, trace.
class Replay {
 public:
  Replay(const LoopConfig& config, std::vector<ReplayedInput> inputs,
         const TickReplaySettings& settings)
      : settings_(settings),
        inputs_(std::move(inputs)),
        newest_(inputs_.size()),
        shapes_(shapes_of(inputs_)),
        resources_(settings.threads),
        engine_(resources_, config, shapes_),
        recorder_(engine_, shapes_) {}

  [[nodiscard]] std::vector<ReplayedInput>& inputs() noexcept { return inputs_; }
  /// What input `i` offers to the next tick.
  void offer(std::size_t i, bool is_there) noexcept {
    newest_[i] = is_there ? &inputs_[i].now : nullptr;
  }
  /// Reads the next frame of an input.
  [[nodiscard]] bool read(LoopInput& input, InputTokens& tokens) {
    const StageTimer timer(stage_ms_, "inputs");
    return input.next(tokens);
  }

  policy::FeedbackFate feedback(const stream::Feedback& feedback) {
    const policy::FeedbackFate fate = engine_.feedback(feedback);
    recorder_.feedback(feedback, fate);
    return fate;
  }

  /// Returns the decision's hash.
  std::uint64_t tick(const TickMoment& moment) {
    policy::TickStatus status;
    {
      const StageTimer timer(stage_ms_, "ticks");
      status = engine_.tick(moment, newest_, packet_);
    }
    recorder_.tick(moment, status, newest_, packet_);
    if (status != policy::TickStatus::ok && status != policy::TickStatus::no_tokens) {
      notes_.push_back(concat("Tick ", moment.tick, ": ", engine_.problem()));
      blob_.clear();
    } else {
      const StageTimer timer(stage_ms_, "encoding");
      blob_ = stream::encode(packet_);
    }
    if (settings_.on_tick) settings_.on_tick(packet_, blob_);
    return decision_hash(packet_);
  }
  [[nodiscard]] stream::TickTraceTick& last_tick() { return recorder_.last(); }

  /// Runs `ticks`; what it throws is part of the result.
  template <typename Ticks>
  [[nodiscard]] TickReplay run(const LoopConfig& config, Ticks&& ticks) {
    TickReplay replay;
    try {
      ticks(replay);
    } catch (...) {
      replay.error = std::current_exception();
    }
    replay.trace = recorder_.take();
    replay.trace.input = settings_.input;
    replay.trace.settings = config.describe();
    replay.trace.stage_ms = stage_ms_;
    replay.trace.notes = notes_;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      for (const std::string& note : inputs_[i].input->statistics().notes)
        replay.trace.notes.push_back(concat(config.inputs[i].source.id, ": ", note));
    return replay;
  }

 private:
  const TickReplaySettings& settings_;
  std::vector<ReplayedInput> inputs_;
  std::vector<const InputTokens*> newest_;
  std::vector<InputShape> shapes_;
  kernels::Resources resources_;
  LoopEngine engine_;
  TickRecorder recorder_;
  stream::Packet packet_;
  std::vector<std::byte> blob_;
  std::map<std::string, double> stage_ms_;
  std::vector<std::string> notes_;
};

/// An input of a log, opened again or from what the log kept of it.
std::unique_ptr<LoopInput> open_logged(TickLogReader& log, LoopInputConfig config,
                                       std::size_t index, const std::string& log_name,
                                       const std::atomic<bool>& stop) {
  const InputKind kind = kind_of(config.input.input);
  const std::string where = concat(log_name, ": input ", index, " (", config.source.id, ")");
  if (auto frames = log.frames(index)) {
    // A live camera's patches were merged with the threshold that suits them.
    if (config.memory && !config.memory->tau && kind == InputKind::video)
      config.memory->tau = kernels::patch_descriptor_default_tau;
    return make_loop_input(config, std::move(frames));
  }
  if (kind == InputKind::feature_endpoint)
    throw input_error(where, concat("is live, and the log holds no frame of ", config.input.input),
                      "a log that was written until a first frame came");
  try {
    return open_loop_input(config, stop);
  } catch (const Error& error) {
    throw Error(error.kind(), where, error.what(),
                concat("the recording that the log refers to, in ", log_name,
                       "/loop.toml; relative paths begin in ", log.config_folder().string()));
  }
}

/// Reads on until the frame that a tick of the log was offered.
void advance_to(Replay& replay, std::size_t i, std::int64_t frame, const LoopInputConfig& config) {
  ReplayedInput& input = replay.inputs()[i];
  while (input.now.frame < frame) {
    if (replay.read(*input.input, input.now)) continue;
    throw input_error(config.input.input,
                      concat("ends after frame ", input.now.frame, ", the log needs frame ", frame),
                      "the recording as it was when the log was made");
  }
  if (input.now.frame > frame)
    throw input_error(config.input.input,
                      concat("is at frame ", input.now.frame, ", the log needs frame ", frame),
                      "frames that grow from tick to tick");
}

}  // namespace

TickReplay replay_log(TickLogReader& log, const LoopConfig& config,
                      const TickReplaySettings& settings, const std::atomic<bool>& stop) {
  if (config.inputs.size() != log.inputs().size())
    throw input_error(settings.input, concat("has ", config.inputs.size(), " inputs in its config"),
                      concat(log.inputs().size(), ", as in its header"));
  std::vector<ReplayedInput> inputs(config.inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    inputs[i].input = open_logged(log, config.inputs[i], i, settings.input, stop);
  Replay replay(config, std::move(inputs), settings);

  TickRecord record;
  TickReplay result = replay.run(config, [&](TickReplay& so_far) {
    const auto differs = [&](std::int64_t tick, std::string_view what) {
      if (so_far.difference.empty()) so_far.difference = concat("tick ", tick, ": ", what);
    };
    while (!(so_far.stopped = stop) && log.next(record)) {
      bool is_same = true;
      for (std::int64_t i = 0; i < record.feedback_count; ++i) {
        const std::int64_t number = record.feedback_first + i;
        const policy::FeedbackFate fate = replay.feedback(log.feedback(number));
        const policy::FeedbackFate logged = log.arrival(number).fate;
        if (fate == logged) continue;
        is_same = false;
        differs(record.tick, concat("feedback ", number, " was ", name_of(logged), ", now it is ",
                                    name_of(fate)));
      }
      for (std::size_t i = 0; i < record.frames.size(); ++i) {
        if (record.frames[i] >= 0) advance_to(replay, i, record.frames[i], config.inputs[i]);
        replay.offer(i, record.frames[i] >= 0);
      }
      const std::uint64_t decision = replay.tick({record.tick, record.clock_s, record.deadline_ms});
      if (decision != record.decision_hash) {
        is_same = false;
        differs(record.tick, "other tokens were kept");
      }
      stream::TickTraceTick& tick = replay.last_tick();
      tick.as_logged = is_same;
      tick.late_ms = record.late_ms;
      tick.step_ms = record.step_ms;
      ++so_far.compared;
      so_far.different += is_same ? 0 : 1;
    }
  });
  result.trace.is_log = true;
  result.trace.notes.insert(result.trace.notes.end(), log.notes().begin(), log.notes().end());
  return result;
}

TickReplay replay_recording(const LoopConfig& config, const TickReplaySettings& settings,
                            const std::atomic<bool>& stop) {
  std::vector<ReplayedInput> inputs(config.inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    LoopInputConfig once = config.inputs[i];
    once.repeat = false;
    require_recording(once.input.input);
    inputs[i].input = open_loop_input(once, stop);
    if (!inputs[i].input->is_recording())
      throw input_error(once.input.input, "is live", "a recording, or a tick log");
  }
  Replay replay(config, std::move(inputs), settings);
  return replay.run(config, [&](TickReplay& so_far) {
    for (ReplayedInput& input : replay.inputs())
      input.has_next = replay.read(*input.input, input.next);
    for (std::int64_t t = 0; config.ticks == 0 || t < config.ticks; ++t) {
      if ((so_far.stopped = stop)) return;
      const double clock_s = static_cast<double>(t) / config.rate_hz;
      bool any_next = false;
      for (std::size_t i = 0; i < replay.inputs().size(); ++i) {
        ReplayedInput& input = replay.inputs()[i];
        while (input.has_next && input.next.pts <= clock_s + time_tolerance_s) {
          std::swap(input.now, input.next);
          input.has_next = replay.read(*input.input, input.next);
        }
        any_next = any_next || input.has_next;
        const double age_ms = 1000 * (clock_s - time_tolerance_s - input.now.pts);
        replay.offer(i, input.now.frame >= 0 && age_ms <= config.inputs[i].max_age_ms);
      }
      (void)replay.tick({t, clock_s, config.deadline_ms});
      if (!any_next) return;
    }
  });
}

}  // namespace sluice::apps

#include "apps/loop/loop_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "kernels/error.h"
#include "stream/fixed_shape.h"

namespace sluice::apps {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr std::size_t header_bytes = 64 << 10;  // ample for a packet's names and metadata

double milliseconds(std::chrono::steady_clock::duration time) noexcept {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::int64_t unix_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<std::string> input_ids(const LoopConfig& config) {
  std::vector<std::string> ids;
  for (const LoopInputConfig& input : config.inputs) ids.push_back(input.source.id);
  return ids;
}

/// What the inputs are, as the config has it.
std::vector<std::string> input_names(const LoopConfig& config) {
  std::vector<std::string> names;
  for (const LoopInputConfig& input : config.inputs) names.push_back(input.input.input);
  return names;
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

}  // namespace

LoopRun::LoopRun(const LoopConfig& config, const LoopConfigFile& file, int threads,
                 const std::atomic<bool>& stop)
    : config_(config),
      stop_watch_([this, &stop](const std::stop_token& done) {
        for (; !done.stop_requested(); std::this_thread::sleep_for(std::chrono::milliseconds(10)))
          if (stop) stop_ = true;
      }),
      resources_(threads),
      period_(std::chrono::duration_cast<Clock::duration>(
          std::chrono::duration<double>(1.0 / config.rate_hz))) {
  open_inputs();
  std::vector<InputShape> shapes;
  for (const auto& input : opened_) shapes.push_back(input->shape());
  engine_ = std::make_unique<LoopEngine>(resources_, config_, shapes);
  encoder_.reserve(engine_->most_token_bytes());
  metrics_ = std::make_unique<LoopMetrics>(engine_->sources(), input_ids(config_));
  config_.link.packet_bytes = engine_->most_token_bytes() + header_bytes;
  if (config_.link_on) link_ = std::make_unique<stream::ControlLink>(config_.link);
  if (!config_.metrics.empty())
    server_ = std::make_unique<MetricsServer>(
        config_.metrics, [this] { return prometheus_page(*metrics_, link_counts()); });
  // Last: a loop that can't begin leaves no log.
  if (!config_.log.empty())
    log_ =
        std::make_unique<TickLogWriter>(config_.log, file.text, file.folder, input_names(config_));
  newest_.resize(config_.inputs.size());
  record_.frames.resize(config_.inputs.size());
  record_.kept_by_source.resize(engine_->sources().size());
}

LoopRun::~LoopRun() {
  stop_ = true;
}

void LoopRun::open_inputs() {
  for (std::size_t i = 0; i < config_.inputs.size(); ++i) {
    const auto on_live_frame = [this, i](const stream::Source& source,
                                         const stream::FeatureFrame& frame) {
      if (log_) log_->frame(i, source, frame);
    };
    try {
      opened_.push_back(open_loop_input(config_.inputs[i], stop_, on_live_frame));
    } catch (const Error& error) {
      throw Error(error.kind(), concat("input ", config_.inputs[i].source.id), error.what());
    }
  }
}

void LoopRun::run(const std::function<void()>& on_status) {
  start_ = Clock::now();
  for (std::size_t i = 0; i < opened_.size(); ++i)
    inputs_.push_back(
        std::make_unique<InputThread>(std::move(opened_[i]), i, *metrics_, start_, stop_));
  std::thread ticks([this] {
    try {
      tick_until_end();
      send_end();
    } catch (...) {
      error_ = std::current_exception();
    }
    done_.store(true, std::memory_order_release);
  });
  std::exception_ptr of_status;
  while (!done_.load(std::memory_order_acquire)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    try {
      if (!of_status) on_status();
    } catch (...) {
      of_status = std::current_exception();
      stop_ = true;
    }
  }
  ticks.join();
  end();
  for (const std::exception_ptr& error : {error_, of_status})
    if (error) std::rethrow_exception(error);
}

/// What is written down must not wait for a slow reader of the metrics.
void LoopRun::end() {
  stop_ = true;
  for (const auto& input : inputs_) input->join();
  collect_notes();
  log_.reset();
}

bool LoopRun::inputs_ended() const noexcept {
  return std::all_of(inputs_.begin(), inputs_.end(),
                     [](const auto& input) { return input->ended(); });
}

void LoopRun::tick_until_end() {
  std::int64_t number = 0;
  const auto due_of = [this](std::int64_t tick) { return start_ + period_ * tick; };
  while (!stop_ && (config_.ticks == 0 || number < config_.ticks)) {
    const auto due = due_of(number);
    while (!stop_ && Clock::now() < due)
      std::this_thread::sleep_until(std::min(due, Clock::now() + std::chrono::milliseconds(50)));
    if (stop_) return;
    const bool is_last = inputs_ended();  // before their newest frames are taken
    tick(number, due);
    if (is_last) return;
    // A tick that is a little late still runs; those whose whole time has passed are missed.
    const auto now_at = (Clock::now() - start_) / period_;
    const std::int64_t next = std::max<std::int64_t>(number + 1, now_at);
    metrics_->missed.fetch_add(next - number - 1, relaxed);
    number = next;
  }
}

void LoopRun::tick(std::int64_t number, Clock::time_point due) {
  const auto begin = Clock::now();
  current_tick_.store(number, relaxed);
  record_.tick = number;
  record_.clock_s = clock_s(begin);
  record_.deadline_ms = config_.deadline_ms;
  record_.late_ms = milliseconds(begin - due);
  take_feedback(begin, record_);
  gather(begin, record_);
  record_.status = engine_->tick({number, record_.clock_s, record_.deadline_ms}, newest_, packet_);
  record_.episode = engine_->episode();
  const auto decided = Clock::now();
  record_.step_ms = milliseconds(decided - begin);
  send(record_);
  record_.encode_ms = milliseconds(Clock::now() - decided);
  measure(record_, due);
  if (log_) log_->tick(record_);
}

void LoopRun::take_feedback(Clock::time_point now, TickRecord& record) {
  record.feedback_first = record.feedback_count = 0;
  if (!link_) return;
  // No more than fit the queue at once: who sends without end must not hold up the tick.
  for (std::size_t taken = 0; taken < config_.link.feedback_queue; ++taken) {
    stream::ReceivedFeedback* received = link_->feedback();
    if (received == nullptr) return;
    const stream::Feedback& feedback = received->feedback;
    const policy::FeedbackFate fate = engine_->feedback(feedback);
    metrics_->feedback[static_cast<std::size_t>(fate)].fetch_add(1, relaxed);
    metrics_->feedback_wait.observe(std::chrono::duration<double>(now - received->arrival).count());
    const bool is_applied = fate == policy::FeedbackFate::applied;
    if (is_applied) last_applied_tick_ = std::max(last_applied_tick_, feedback.tick);
    if ((is_applied || fate == policy::FeedbackFate::stale) && feedback.model_latency_ms) {
      metrics_->model.observe(*feedback.model_latency_ms * 1e-3);
      if (config_.deadline_ms > 0 && *feedback.model_latency_ms > config_.deadline_ms)
        metrics_->deadline_misses.fetch_add(1, relaxed);
    }
    if (log_) {
      const std::int64_t logged = log_->feedback(received->bytes, fate, clock_s(received->arrival));
      if (logged >= 0 && record.feedback_count++ == 0) record.feedback_first = logged;
    }
    link_->feedback_done();
  }
}

void LoopRun::gather(Clock::time_point now, TickRecord& record) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    newest_[i] = inputs_[i]->newest(now, config_.inputs[i].max_age_ms);
    record.frames[i] = newest_[i] != nullptr ? newest_[i]->frame : -1;
    metrics_->input_age_s[i].store(inputs_[i]->age_s(now), relaxed);
  }
}

void LoopRun::send(TickRecord& record) {
  using policy::TickStatus;
  record.sequence = packet_.sequence;
  record.budget = packet_.budget;
  record.available = packet_.available;
  record.kept = packet_.kept;
  for (std::size_t i = 0; i < record.kept_by_source.size(); ++i)
    record.kept_by_source[i] =
        i < packet_.batches.size() ? stream::chosen_rows(packet_.batches[i]) : 0;
  record.decision_hash = log_ ? decision_hash(packet_) : 0;
  if (record.status != TickStatus::ok && record.status != TickStatus::no_tokens) {
    last_problem_ = engine_->problem();
    ++problems_;
    return;
  }
  packet_.sent_unix_ns = unix_ns();
  try {
    encoder_.encode(packet_, link_ ? link_->outgoing() : unsent_);
  } catch (const std::exception& error) {
    record.status = TickStatus::failed;
    last_problem_ = error.what();
    ++problems_;
    return;
  }
  if (link_) link_->publish();
}

void LoopRun::measure(const TickRecord& record, Clock::time_point due) {
  LoopMetrics& metrics = *metrics_;
  metrics.ticks[static_cast<std::size_t>(record.status)].fetch_add(1, relaxed);
  metrics.budget.store(record.budget, relaxed);
  metrics.available.store(record.available, relaxed);
  metrics.kept.store(record.kept, relaxed);
  for (std::size_t i = 0; i < record.kept_by_source.size(); ++i) {
    metrics.kept_by_source[i].store(record.kept_by_source[i], relaxed);
    metrics.kept_total_by_source[i].fetch_add(record.kept_by_source[i], relaxed);
  }
  metrics.unanswered.store(engine_->feedback_counts().unanswered, relaxed);
  metrics.feedback_age_ticks.store(last_applied_tick_ < 0 ? -1 : record.tick - last_applied_tick_,
                                   relaxed);
  metrics.late.observe(std::max(record.late_ms, 0.0) * 1e-3);
  metrics.step.observe(record.step_ms * 1e-3);
  metrics.encode.observe(record.encode_ms * 1e-3);
  if (Clock::now() > due + period_) metrics.late_packets.fetch_add(1, relaxed);
}

/// The model shall know that no more comes. Not on the heels of the last packet: latest-wins
/// sockets of libzmq may lose a message that meets the one before it.
void LoopRun::send_end() {
  if (!link_) return;
  std::this_thread::sleep_for(std::min<Clock::duration>(period_, std::chrono::milliseconds(50)));
  packet_.end_of_stream = true;
  ++packet_.sequence;
  ++packet_.totals.packets;
  packet_.budget = packet_.available = packet_.kept = 0;
  packet_.batches.clear();
  packet_.sent_unix_ns = unix_ns();
  if (packet_.stream.empty()) packet_.stream = config_.engine.stream;
  encoder_.encode(packet_, link_->outgoing());
  link_->publish();
}

stream::LinkCounts LoopRun::link_counts() const {
  return link_ ? link_->counts() : stream::LinkCounts{};
}

std::vector<std::string> LoopRun::new_failures() {
  std::vector<std::string> failures;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i]->ended() && inputs_[i]->error() && failed_.insert(i).second)
      failures.push_back(fmt::format("input {} failed: {}", config_.inputs[i].source.id,
                                     text_of(inputs_[i]->error())));
  return failures;
}

void LoopRun::collect_notes() {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    for (const std::string& note : inputs_[i]->input().statistics().notes)
      notes_.push_back(fmt::format("input {}: {}", config_.inputs[i].source.id, note));
  if (problems_ > 0)
    notes_.push_back(fmt::format("{} ticks sent nothing; the last: {}", problems_, last_problem_));
  if (!log_) return;
  if (log_->dropped() > 0)
    notes_.push_back(
        fmt::format("{} records are missing in the log: the disk was too slow", log_->dropped()));
  if (!log_->problem().empty()) notes_.push_back("log: " + log_->problem());
}

}  // namespace sluice::apps

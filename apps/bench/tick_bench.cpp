#include "apps/bench/tick_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <thread>

#include "apps/bench/bench_model.h"
#include "apps/bench/cores.h"
#include "apps/interrupt.h"
#include "kernels/error.h"
#include "kernels/rounding.h"
#include "policy/tick_engine.h"
#include "stream/io/control_link.h"
#include "stream/packet_encoder.h"

namespace sluice::apps {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t warm_up_ticks = 200;  // ticks: histories and caches are as they will stay
constexpr std::chrono::milliseconds warm_up_period{4};  // with a link, so that answers come in time
constexpr std::chrono::seconds connect_timeout{5};
constexpr std::chrono::milliseconds last_arrival{300};

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

bool is_late(Clock::duration since_due, const TickBenchFigures& figures) {
  return figures.deadline_ms > 0 && milliseconds(since_due) > figures.deadline_ms;
}

policy::TickEngineOptions engine_options(const TickBenchOptions& options) {
  policy::TickEngineOptions engine;
  engine.selector = options.selector;
  const auto all = static_cast<double>(options.shape.cameras * options.shape.tokens);
  engine.budget.tokens = kernels::round_half_even(options.keep * all);
  for (std::int64_t camera = 0; camera < options.shape.cameras; ++camera)
    engine.sources.push_back({.id = TickScene::camera_id(camera),
                              .max_rows = options.shape.tokens,
                              .max_width = options.shape.width});
  return engine;
}

stream::ControlLinkOptions any_port() {
  stream::ControlLinkOptions options;
  options.packets = options.feedback = "tcp://127.0.0.1:*";
  return options;
}

/// When the parts of a tick were done, and what it held.
struct TickTimes {
  Clock::time_point due, begin, fed, chosen, ready;
  std::int64_t by_diversity = 0;
};

std::int64_t count_by_diversity(const stream::Packet& packet) {
  std::int64_t count = 0;
  for (const stream::TokenBatch& batch : packet.batches)
    count +=
        std::ranges::count(batch.reason, static_cast<std::uint8_t>(stream::KeepReason::diversity));
  return count;
}

/// The tick's thread with all that it needs.
class TickBench {
 public:
  TickBench(const TickScene& scene, const TickBenchOptions& options)
      : scene_(scene),
        options_(options),
        period_(options.rate_hz > 0 ? std::chrono::duration_cast<Clock::duration>(
                                          std::chrono::duration<double>(1 / options.rate_hz))
                                    : Clock::duration::zero()),
        resources_(options.threads),
        engine_(resources_, engine_options(options)) {
    if (!options.link) return;
    link_.emplace(any_port());
    model_ = std::make_unique<BenchModel>(scene, *link_, warm_up_ticks + options.ticks);
    const auto give_up = Clock::now() + connect_timeout;
    while (!link_->counts().connected()) {
      if (Clock::now() > give_up) throw system_error("bench tick", "the model did not connect");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  TickBenchFigures run();

 private:
  void warm_up();
  [[nodiscard]] std::vector<TickTimes> run_ticks();
  void take_feedback();
  [[nodiscard]] TickTimes run_tick(std::int64_t tick, Clock::time_point due);
  void look_at_arrivals(const std::vector<TickTimes>& times, TickBenchFigures& figures) const;

  const TickScene& scene_;
  TickBenchOptions options_;
  Clock::duration period_;
  kernels::Resources resources_;
  policy::TickEngine engine_;
  stream::PacketEncoder encoder_;
  stream::Packet packet_;
  std::vector<std::byte> blob_;
  stream::Feedback feedback_;
  bool has_feedback_ = false;
  std::optional<stream::ControlLink> link_;
  std::unique_ptr<BenchModel> model_;
};

void TickBench::take_feedback() {
  if (link_) {
    while (const auto* received = link_->feedback()) {
      (void)engine_.feedback(received->feedback);
      link_->feedback_done();
    }
  } else if (has_feedback_) {
    (void)engine_.feedback(feedback_);
  }
}

TickTimes TickBench::run_tick(std::int64_t tick, Clock::time_point due) {
  TickTimes times;
  times.due = due;
  times.begin = Clock::now();
  take_feedback();
  times.fed = Clock::now();
  const policy::TickInputs inputs{
      .tick = tick, .clock_s = static_cast<double>(tick) / 30, .sources = scene_.sources(tick)};
  const auto status = engine_.step(inputs, std::chrono::nanoseconds(0), packet_);
  times.chosen = Clock::now();
  if (status != policy::TickStatus::ok)
    throw system_error("bench tick", concat("tick ", tick, ": ", engine_.problem()));
  encoder_.encode(packet_, link_ ? link_->outgoing() : blob_);
  if (link_) link_->publish();
  times.ready = Clock::now();
  times.by_diversity = count_by_diversity(packet_);
  if (!link_) scene_.answer(packet_, feedback_);
  has_feedback_ = true;
  return times;
}

void TickBench::warm_up() {
  for (std::int64_t tick = 0; tick < warm_up_ticks; ++tick) {
    (void)run_tick(tick, Clock::now());
    if (link_) std::this_thread::sleep_for(warm_up_period);
  }
}

/// Due times go on from the first, one period after the other, whatever a tick takes.
std::vector<TickTimes> TickBench::run_ticks() {
  const bool is_paced = period_ > Clock::duration::zero();
  std::vector<TickTimes> times;
  times.reserve(static_cast<std::size_t>(options_.ticks));
  const auto first = Clock::now() + period_;
  for (std::int64_t i = 0; i < options_.ticks && !stop_requested(); ++i) {
    const auto due = is_paced ? first + i * period_ : Clock::now();
    if (is_paced) std::this_thread::sleep_until(due);
    times.push_back(run_tick(warm_up_ticks + i, due));
  }
  return times;
}

TickBenchFigures TickBench::run() {
  warm_up();
  const auto applied = [this] {
    return engine_.feedback_counts().of(policy::FeedbackFate::applied);
  };
  const std::int64_t applied_before = applied();
  const std::vector<TickTimes> times = run_ticks();

  TickBenchFigures figures;
  figures.ticks = std::ssize(times);
  figures.stopped = figures.ticks < options_.ticks;
  figures.feedback_applied = applied() - applied_before;
  figures.kept = packet_.kept;
  for (const TickTimes& each : times)
    figures.by_diversity += static_cast<double>(each.by_diversity) /
                            static_cast<double>(options_.shape.cameras * figures.ticks);
  figures.packet_bytes = std::ssize(stream::encode(packet_));
  figures.deadline_ms = options_.deadline_ms > 0 ? options_.deadline_ms : milliseconds(period_);
  const auto spread = [&](auto from, auto to) {
    std::vector<double> samples;
    for (const TickTimes& each : times) samples.push_back(milliseconds(each.*to - each.*from));
    return spread_of(std::move(samples));
  };
  figures.late = spread(&TickTimes::due, &TickTimes::begin);
  figures.feedback = spread(&TickTimes::begin, &TickTimes::fed);
  figures.step = spread(&TickTimes::fed, &TickTimes::chosen);
  figures.encode = spread(&TickTimes::chosen, &TickTimes::ready);
  figures.tick = spread(&TickTimes::begin, &TickTimes::ready);
  figures.misses = std::ranges::count_if(
      times, [&](const TickTimes& each) { return is_late(each.ready - each.due, figures); });
  if (model_) look_at_arrivals(times, figures);
  return figures;
}

void TickBench::look_at_arrivals(const std::vector<TickTimes>& times,
                                 TickBenchFigures& figures) const {
  std::this_thread::sleep_for(last_arrival);
  std::vector<double> samples;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto arrival = model_->arrival(warm_up_ticks + static_cast<std::int64_t>(i));
    if (arrival == Clock::time_point()) {
      ++figures.not_arrived;
      continue;
    }
    samples.push_back(milliseconds(arrival - times[i].begin));
    if (is_late(arrival - times[i].due, figures)) ++figures.arrival_misses;
  }
  figures.arrival = spread_of(std::move(samples));
}

}  // namespace

Spread spread_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::ranges::sort(samples);
  const auto percentile = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(samples.size()));
    return samples[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  return {percentile(0.5), percentile(0.99), percentile(0.999), samples.back()};
}

/// The tick's thread has the first core to itself; all others, the link's and the model's among
/// them, share the rest.
TickBenchFigures run_tick_bench(const TickScene& scene, const TickBenchOptions& options) {
  const std::vector<int> cores = usable_cores();
  const std::span<const int> all(cores);
  const std::size_t own = all.size() > 1 ? 1 : 0;
  const StayOn others(all.subspan(own));
  std::optional<BusyNeighbour> neighbour;
  if (options.load) neighbour.emplace();
  TickBench bench(scene, options);
  const StayOn first(all.first(own));
  return bench.run();
}

}  // namespace sluice::apps

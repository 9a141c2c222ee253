#include "apps/bench/bench_model.h"

namespace sluice::apps {
namespace {

constexpr std::chrono::milliseconds patience{50};

stream::ModelLinkOptions peer_of(const stream::ControlLink& link) {
  stream::ModelLinkOptions options;
  options.packets = link.packets_endpoint();
  options.feedback = link.feedback_endpoint();
  return options;
}

}  // namespace

BenchModel::BenchModel(const TickScene& scene, const stream::ControlLink& link, std::int64_t ticks)
    : scene_(scene), link_(peer_of(link)), arrivals_(static_cast<std::size_t>(ticks)) {
  thread_ = std::thread([this] { receive_and_answer(); });
}

BenchModel::~BenchModel() {
  stop_ = true;
  thread_.join();
}

BenchModel::Clock::time_point BenchModel::arrival(std::int64_t tick) const noexcept {
  const auto& ticks = arrivals_[static_cast<std::size_t>(tick)];
  return Clock::time_point(Clock::duration(ticks.load(std::memory_order_acquire)));
}

void BenchModel::receive_and_answer() {
  stream::Packet packet;
  stream::Feedback feedback;
  while (!stop_.load(std::memory_order_relaxed)) {
    if (link_.receive(packet, patience, &stop_) != stream::ReceiveStatus::message) continue;
    const auto now = Clock::now().time_since_epoch().count();
    const auto tick = static_cast<std::size_t>(packet.tick.value_or(0));
    if (tick < arrivals_.size()) arrivals_[tick].store(now, std::memory_order_release);
    scene_.answer(packet, feedback);
    (void)link_.send(feedback);  // gone if the loop takes none; the next packet has another chance
  }
}

}  // namespace sluice::apps

#include "apps/model/model_tally.h"

#include <fmt/format.h>

#include "apps/model/token_embedding.h"

namespace sluice::model {
namespace {

constexpr std::size_t latency_rows = 8;

}  // namespace

void ModelTally::add(const stream::Packet& packet, double latency_ms) {
  ++packets_;
  tokens_ = valid_tokens(packet);
  all_tokens_ += tokens_;
  latency_ms_ = latency_ms;
  latency_.add(tokens_, latency_ms);
  if (!packet.tick) return;
  const bool follows = tick_ && stream_ == packet.stream && episode_ == packet.episode;
  if (follows && *packet.tick > *tick_) skipped_ += *packet.tick - *tick_ - 1;
  tick_ = packet.tick;
  episode_ = packet.episode;
  stream_ = packet.stream;
}

std::string ModelTally::status() const {
  std::string text = fmt::format("{} packets; tick {}: {} tokens, {:.1f} ms", packets_,
                                 tick_.value_or(0), tokens_, latency_ms_);
  if (skipped_ > 0) text += fmt::format("; {} ticks skipped", skipped_);
  if (refused_ > 0) text += fmt::format("; {} answers refused", refused_);
  return text;
}

std::string ModelTally::summary() const {
  std::string text = fmt::format("{} packets, {} tokens; {} ticks skipped, {} messages malformed\n",
                                 packets_, all_tokens_, skipped_, malformed_);
  text += fmt::format("Feedback: {} sent, {} refused", sent_, refused_);
  if (without_tick_ > 0)
    text += fmt::format(", {} packets without a tick to answer", without_tick_);
  text += '\n';
  if (packets_ == 0) return text;
  text += "Latency, ms   tokens  packets      p50      p99      max\n";
  for (const auto& row : latency_.rows(latency_rows)) {
    const std::string range = row.first_tokens == row.last_tokens
                                  ? fmt::format("{}", row.first_tokens)
                                  : fmt::format("{}-{}", row.first_tokens, row.last_tokens);
    text += fmt::format("{:>20} {:>8} {:>8.2f} {:>8.2f} {:>8.2f}\n", range, row.packets, row.p50_ms,
                        row.p99_ms, row.max_ms);
  }
  return text;
}

}  // namespace sluice::model

// What a model saw of a loop: packets, ticks that it missed, answers, and how long they took.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/model/latency_by_tokens.h"
#include "stream/packet.h"

namespace sluice::model {

class ModelTally {
 public:
  /// A packet that was computed. Ticks between it and the one before were skipped, unless it begins
  /// something: a smaller tick, another episode or stream.
  void add(const stream::Packet& packet, double latency_ms);
  void add_feedback(bool sent) noexcept { ++(sent ? sent_ : refused_); }
  void add_malformed() noexcept { ++malformed_; }
  void add_without_tick() noexcept { ++without_tick_; }

  [[nodiscard]] std::int64_t packets() const noexcept { return packets_; }
  [[nodiscard]] std::int64_t skipped_ticks() const noexcept { return skipped_; }
  /// One line about the packet that came last, without an end of line.
  [[nodiscard]] std::string status() const;
  /// Several lines, at the end.
  [[nodiscard]] std::string summary() const;

 private:
  std::int64_t packets_ = 0, tokens_ = 0, all_tokens_ = 0, skipped_ = 0, malformed_ = 0;
  std::int64_t sent_ = 0, refused_ = 0, without_tick_ = 0;
  double latency_ms_ = 0;
  std::optional<std::int64_t> tick_, episode_;
  std::string stream_;
  LatencyByTokens latency_;
};

}  // namespace sluice::model

// Numbers of a running loop, in the text format that Prometheus scrapes, over HTTP.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/feedback_ledger.h"
#include "policy/tick_engine.h"
#include "stream/io/control_link.h"

namespace sluice::apps {

/// Counts of durations in fixed buckets. observe() is wait-free; any thread may read. Not a number
/// is not counted, less than nothing counts as nothing.
class LatencyHistogram {
 public:
  /// Upper bounds in seconds, ascending, from 100 µs to 10 s.
  static const std::array<double, 16>& bounds() noexcept;
  void observe(double seconds) noexcept;
  [[nodiscard]] std::int64_t count() const noexcept;
  [[nodiscard]] double sum() const noexcept;                             ///< seconds
  [[nodiscard]] std::int64_t at_most(std::size_t bound) const noexcept;  ///< cumulative

 private:
  std::array<std::atomic<std::int64_t>, 17> counts_{};
  std::atomic<std::int64_t> sum_ns_ = 0;
};

/// Written by the tick's thread (and inputs' threads, where it says so), read by any: atomics only,
/// no locks, no allocation after construction.
struct LoopMetrics {
  /// `sources`: of the engine; `inputs`: ids of the config's inputs.
  LoopMetrics(std::vector<std::string> sources, std::vector<std::string> inputs);

  std::vector<std::string> source_ids, input_ids;
  std::array<std::atomic<std::int64_t>, 6> ticks{};  ///< by TickStatus
  std::atomic<std::int64_t> missed = 0;              ///< ticks whose time passed without them
  std::atomic<std::int64_t> late_packets = 0;        ///< in the slot after the next tick was due
  std::atomic<std::int64_t> budget = 0, available = 0, kept = 0;  ///< of the last tick
  std::vector<std::atomic<std::int64_t>> kept_by_source;          ///< [sources] of the last tick
  std::vector<std::atomic<std::int64_t>> kept_total_by_source;    ///< [sources] since the start
  std::vector<std::atomic<double>> input_age_s;                   ///< [inputs] of the last tick
  std::vector<std::atomic<std::int64_t>> input_frames;   ///< [inputs] read; on their threads
  std::vector<std::atomic<std::int64_t>> input_damaged;  ///< [inputs] frames that were no use
  std::vector<std::atomic<std::int64_t>> input_ended;    ///< [inputs] 1: at its end, or failed
  std::vector<std::atomic<std::int64_t>> input_skipped;  ///< [inputs] replaced before a tick came
  std::array<std::atomic<std::int64_t>, policy::feedback_fates> feedback{};
  std::atomic<std::int64_t> unanswered = 0;
  std::atomic<std::int64_t> feedback_age_ticks = -1;  ///< since the last one applied; −1: never
  std::atomic<std::int64_t> deadline_misses = 0;      ///< model latency above the deadline
  LatencyHistogram step, encode, late, model, feedback_wait;
};

/// The page that Prometheus reads: every metric with HELP and TYPE, names beginning with sluice_.
[[nodiscard]] std::string prometheus_page(const LoopMetrics& metrics,
                                          const stream::LinkCounts& link);

/// Serves GET /metrics (and / with a line that says so) on threads of its own.
class MetricsServer {
 public:
  using Page = std::function<std::string()>;
  /// `listen`: HOST:PORT; port 0: any free one. Throws sluice::Error: kind input for no such
  /// address, system if it is taken.
  MetricsServer(const std::string& listen, Page page);
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;
  ~MetricsServer();
  [[nodiscard]] const std::string& url() const noexcept;  ///< with the real port

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::apps

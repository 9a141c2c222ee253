// A control loop at work: inputs on threads of their own, ticks on another, a link to the model.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "apps/loop/input_thread.h"
#include "apps/loop/loop_config.h"
#include "apps/loop/loop_engine.h"
#include "apps/loop/metrics.h"
#include "apps/loop/tick_log.h"
#include "kernels/resources.h"
#include "stream/io/control_link.h"
#include "stream/packet_encoder.h"

namespace sluice::apps {

/// Where the config came from: for the log.
struct LoopConfigFile {
  std::string text;
  std::filesystem::path folder;
};

class LoopRun {
 public:
  /// Opens inputs, link, metrics and log; nothing runs yet. Waits for live inputs to send their
  /// first frame. Throws sluice::Error. `stop`: ends everything early.
  LoopRun(const LoopConfig& config, const LoopConfigFile& file, int threads,
          const std::atomic<bool>& stop);
  LoopRun(const LoopRun&) = delete;
  LoopRun& operator=(const LoopRun&) = delete;
  ~LoopRun();

  /// Ticks until `stop`, the config's last tick, or the end of all inputs; then sends the
  /// end-of-stream mark. Calls `on_status` on the caller's thread a few times a second. Throws what
  /// ended the ticks, if they failed.
  void run(const std::function<void()>& on_status);

  [[nodiscard]] const LoopMetrics& metrics() const noexcept { return *metrics_; }
  [[nodiscard]] stream::LinkCounts link_counts() const;
  /// Null if the config has none.
  [[nodiscard]] const stream::ControlLink* link() const noexcept { return link_.get(); }
  [[nodiscard]] const MetricsServer* metrics_server() const noexcept { return server_.get(); }
  [[nodiscard]] std::int64_t current_tick() const noexcept {
    return current_tick_.load(std::memory_order_relaxed);
  }
  /// Inputs that have failed since the last call, a line each: the loop goes on with the others.
  [[nodiscard]] std::vector<std::string> new_failures();
  /// After run(): what went wrong on the way without ending it, a line each.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }
  /// Whether new_failures() has named any.
  [[nodiscard]] bool input_failed() const noexcept { return !failed_.empty(); }

 private:
  using Clock = std::chrono::steady_clock;

  void open_inputs();
  void end();
  void collect_notes();
  void tick_until_end();
  void tick(std::int64_t number, Clock::time_point due);
  void take_feedback(Clock::time_point now, TickRecord& record);
  void gather(Clock::time_point now, TickRecord& record);
  void send(TickRecord& record);
  void send_end();
  void measure(const TickRecord& record, Clock::time_point due);
  [[nodiscard]] bool inputs_ended() const noexcept;
  [[nodiscard]] double clock_s(Clock::time_point at) const noexcept {
    return std::chrono::duration<double>(at - start_).count();
  }

  LoopConfig config_;
  std::atomic<bool> stop_ = false;  // the user's wish, or ours
  std::jthread stop_watch_;         // passes on the user's
  kernels::Resources resources_;
  std::vector<std::unique_ptr<LoopInput>> opened_;  // until their threads take them
  std::unique_ptr<LoopMetrics> metrics_;
  std::unique_ptr<LoopEngine> engine_;
  std::unique_ptr<TickLogWriter> log_;
  std::unique_ptr<stream::ControlLink> link_;
  std::unique_ptr<MetricsServer> server_;

  // Of the tick's thread.
  Clock::time_point start_;
  Clock::duration period_;
  stream::Packet packet_;
  stream::PacketEncoder encoder_;
  std::vector<std::byte> unsent_;  // where packets go without a link
  TickRecord record_;
  std::vector<const InputTokens*> newest_;
  std::int64_t last_applied_tick_ = -1;
  std::string last_problem_;
  std::int64_t problems_ = 0;
  std::exception_ptr error_;

  std::atomic<std::int64_t> current_tick_ = 0;
  std::atomic<bool> done_ = false;
  std::vector<std::unique_ptr<InputThread>> inputs_;
  std::set<std::size_t> failed_;
  std::vector<std::string> notes_;
};

}  // namespace sluice::apps

// What a loop writes down while it runs, so that every tick can be run again: which frames each
// tick was offered, which feedback came before it, and what was decided. docs/tick_log.md
// has the format.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/loop/names.h"
#include "policy/feedback_ledger.h"
#include "policy/tick_engine.h"
#include "stream/feature_frame.h"
#include "stream/token_batch.h"

namespace sluice::apps {

/// One tick. What replay needs comes first; the rest is what was measured, for people.
struct TickRecord {
  std::int64_t tick = 0;
  std::int64_t episode = 0;
  double clock_s = 0;
  double deadline_ms = 0;
  std::vector<std::int64_t> frames;  ///< per input: the frame that was offered; −1: none
  /// Messages that were applied before this tick, by their number in the log, in this order.
  std::int64_t feedback_first = 0, feedback_count = 0;

  policy::TickStatus status = policy::TickStatus::ok;
  std::int64_t sequence = 0, budget = 0, available = 0, kept = 0;
  std::vector<std::int64_t> kept_by_source;
  std::uint64_t decision_hash = 0;
  double late_ms = 0;    ///< after its time
  double step_ms = 0;    ///< deciding
  double encode_ms = 0;  ///< until the packet lay in the outgoing slot
};

/// What became of a message, and the tick clock when it came.
struct FeedbackArrival {
  policy::FeedbackFate fate = policy::FeedbackFate::applied;
  double clock_s = 0;
};

/// tick() and feedback() are called on the tick's thread: they copy into queues and never wait;
/// what a full queue can't take is dropped and counted, and the log says so. frame() is called on
/// an input's own thread, which does wait for the disk. Whatever was written stays valid if the
/// process is killed: a reader ignores an unfinished last record.
class TickLogWriter {
 public:
  /// `folder` is made; throws sluice::Error if it holds a log already. `config`: the text of the
  /// config file, kept as loop.toml beside an absolute record of where its inputs are.
  TickLogWriter(const std::filesystem::path& folder, const std::string& config,
                const std::filesystem::path& config_folder, std::span<const std::string> inputs);
  TickLogWriter(const TickLogWriter&) = delete;
  TickLogWriter& operator=(const TickLogWriter&) = delete;
  /// Writes what is queued.
  ~TickLogWriter();

  /// Returns the message's number in the log, −1 if it had to be dropped. Call before the tick that
  /// follows it.
  std::int64_t feedback(std::span<const std::byte> message, policy::FeedbackFate fate,
                        double arrival_clock_s);
  void tick(const TickRecord& record);
  /// A frame of a live input, whole: it can't be read again.
  void frame(std::size_t input, const stream::Source& source, const stream::FeatureFrame& frame);

  /// Waits until everything is written that was queued on this thread: for tests, and for who reads
  /// along.
  void flush() const;
  [[nodiscard]] std::int64_t dropped() const noexcept;
  /// What the disk said, if it said anything bad: nothing is written after that.
  [[nodiscard]] std::string problem() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A log, read back. Streams: feedback is read when its tick comes.
class TickLogReader {
 public:
  /// Throws sluice::Error (kind input) for what is no log of a known version.
  explicit TickLogReader(const std::filesystem::path& folder);
  TickLogReader(TickLogReader&&) noexcept;
  TickLogReader& operator=(TickLogReader&&) noexcept;
  ~TickLogReader();

  [[nodiscard]] static bool is_log(const std::filesystem::path& folder);
  [[nodiscard]] const std::string& config() const noexcept;
  [[nodiscard]] const std::filesystem::path& config_folder() const noexcept;
  /// What the config's inputs were, in its order; paths are absolute.
  [[nodiscard]] const std::vector<std::string>& inputs() const noexcept;
  /// The next tick; false at the end. Throws sluice::Error for a damaged record in mid-log.
  [[nodiscard]] bool next(TickRecord& record);
  /// Message of that number. Throws sluice::Error for one that is damaged or not there.
  [[nodiscard]] stream::Feedback feedback(std::int64_t number);
  [[nodiscard]] FeedbackArrival arrival(std::int64_t number);
  /// Frames of a live input, with the numbers they had; null for one that the log only refers to.
  [[nodiscard]] std::unique_ptr<stream::FrameSource> frames(std::size_t input);
  [[nodiscard]] std::int64_t ticks() const noexcept;
  /// Ticks and messages that the writer had no time for: those that follow can't be run again.
  [[nodiscard]] std::int64_t dropped() const noexcept;
  /// Notes for people: dropped records, an unfinished end.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::apps

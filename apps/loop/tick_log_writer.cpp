#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "apps/loop/append_file.h"
#include "apps/loop/tick_log.h"
#include "apps/loop/tick_log_format.h"
#include "kernels/error.h"
#include "stream/atomic_file.h"
#include "stream/bounded_queue.h"
#include "stream/feature_message.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t tick_places = 1024;
constexpr std::size_t message_places = 64;
/// Feedback up to this size never makes the tick's thread go to the heap.
constexpr std::size_t usual_message = std::size_t{32} << 10;
/// A camera, its memory and its voxels.
constexpr std::size_t sources_per_input = 3;
/// The tick's thread does not wake the writer, which would be a system call: it looks this often.
constexpr std::chrono::milliseconds look_every{4};

struct QueuedTick {
  TickRecord record;
  tick_log::Dropped dropped;  // before it
};

struct QueuedMessage {
  std::int64_t number = 0;
  std::vector<std::byte> bytes;
  FeedbackArrival arrival;
};

/// Lets `prepare` touch every place of a queue once, so that its memory is there before it is used.
template <typename Value, typename Prepare>
void prepare_places(stream::BoundedQueue<Value>& queue, Prepare&& prepare) {
  while (Value* place = queue.vacant()) {
    prepare(*place);
    queue.push();
  }
  while (queue.front() != nullptr) queue.pop();
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void write_whole(const fs::path& path, const std::string& text) {
  stream::AtomicFile file(path);
  file.write(bytes_of(text));
  file.commit();
}

/// Absolute, if it names something that is there: a log may be replayed from another folder.
std::string absolute_input(const std::string& input, const fs::path& config_folder) {
  std::error_code error;
  const fs::path path = config_folder / input;
  return fs::exists(path, error) ? path.lexically_normal().string() : input;
}

void make_log_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!fs::is_directory(folder))
    throw input_error(folder.string(), error ? error.message() : "is not a folder",
                      "a folder that can be created");
  if (TickLogReader::is_log(folder))
    throw input_error(folder.string(), "holds a tick log already", "a new folder");
  if (!fs::is_empty(folder, error))
    throw input_error(folder.string(), "is not empty", "a new folder");
}

}  // namespace

struct TickLogWriter::State {
  State(const fs::path& log_folder, std::size_t inputs);

  void run();
  void write_queued();
  void write(const QueuedMessage& message);
  void check(int failure, const fs::path& file);
  void fail(const std::string& what);
  [[nodiscard]] tick_log::Dropped dropped() const noexcept {
    return {dropped_ticks.load(std::memory_order_relaxed),
            dropped_messages.load(std::memory_order_relaxed)};
  }

  fs::path folder;
  AppendFile ticks, messages, arrivals;
  std::vector<AppendFile> frames;  // [inputs], each on its input's thread; opened when needed

  stream::BoundedQueue<QueuedTick> tick_queue{tick_places};
  stream::BoundedQueue<QueuedMessage> message_queue{message_places};
  std::int64_t next_message = 0;  // the tick's thread
  std::atomic<std::int64_t> dropped_ticks = 0, dropped_messages = 0;
  std::atomic<std::int64_t> queued = 0, done = 0;  // ticks

  std::atomic<bool> failed = false, ending = false;
  mutable std::mutex problem_mutex;
  std::string problem;
  std::thread thread;
};

TickLogWriter::State::State(const fs::path& log_folder, std::size_t inputs)
    : folder(log_folder),
      ticks(folder / tick_log::ticks_file),
      messages(folder / tick_log::feedback_file),
      arrivals(folder / tick_log::arrivals_file),
      frames(inputs) {
  prepare_places(tick_queue, [&](QueuedTick& place) {
    place.record.frames.reserve(inputs);
    place.record.kept_by_source.reserve(sources_per_input * inputs);
  });
  prepare_places(message_queue, [](QueuedMessage& place) {
    place.bytes.resize(usual_message);  // not only reserved: pages are there once written to
  });
}

void TickLogWriter::State::run() {
  while (true) {
    const bool last = ending.load(std::memory_order_acquire);  // before looking into the queues
    write_queued();
    if (last) break;
    std::this_thread::sleep_for(look_every);
  }
  if (failed) return;
  check(ticks.append(bytes_of(tick_log::end_line(dropped()))), tick_log::ticks_file);
}

/// A tick's feedback was queued before it, and is written before it: a line in the log of ticks
/// means that everything it refers to is there.
void TickLogWriter::State::write_queued() {
  while (true) {
    const QueuedTick* tick = tick_queue.front();
    while (const QueuedMessage* message = message_queue.front()) {
      write(*message);
      message_queue.pop();
    }
    if (tick == nullptr) return;
    if (!failed)
      check(ticks.append(bytes_of(tick_log::to_line(tick->record, tick->dropped))),
            tick_log::ticks_file);
    tick_queue.pop();
    done.fetch_add(1, std::memory_order_release);
  }
}

void TickLogWriter::State::write(const QueuedMessage& message) {
  if (failed) return;
  const tick_log::Length length = tick_log::to_length(message.bytes.size());
  check(messages.append(length, message.bytes), tick_log::feedback_file);
  if (failed) return;
  check(arrivals.append(bytes_of(tick_log::to_line(message.number, message.arrival))),
        tick_log::arrivals_file);
}

void TickLogWriter::State::check(int failure, const fs::path& file) {
  if (failure != 0)
    fail(concat((folder / file).string(),
                ": cannot be written: ", std::generic_category().message(failure)));
}

/// The first failure is the one that is told.
void TickLogWriter::State::fail(const std::string& what) {
  const std::lock_guard lock(problem_mutex);
  if (problem.empty()) problem = what;
  failed = true;
}

TickLogWriter::TickLogWriter(const fs::path& folder, const std::string& config,
                             const fs::path& config_folder, std::span<const std::string> inputs) {
  make_log_folder(folder);
  tick_log::Header header;
  header.config_folder = fs::absolute(config_folder).lexically_normal().string();
  for (const std::string& input : inputs)
    header.inputs.push_back(absolute_input(input, header.config_folder));
  state_ = std::make_unique<State>(folder, inputs.size());
  write_whole(folder / tick_log::config_file, config);
  // Last: it makes the folder a log.
  write_whole(folder / tick_log::header_file, tick_log::to_text(header));
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

TickLogWriter::~TickLogWriter() {
  state_->ending.store(true, std::memory_order_release);
  state_->thread.join();
}

std::int64_t TickLogWriter::feedback(std::span<const std::byte> message, policy::FeedbackFate fate,
                                     double arrival_clock_s) {
  QueuedMessage* place = state_->message_queue.vacant();
  if (place == nullptr) {
    state_->dropped_messages.fetch_add(1, std::memory_order_relaxed);
    return -1;
  }
  place->number = state_->next_message++;
  place->bytes.assign(message.begin(), message.end());
  place->arrival = {fate, arrival_clock_s};
  state_->message_queue.push();
  return place->number;
}

void TickLogWriter::tick(const TickRecord& record) {
  QueuedTick* place = state_->tick_queue.vacant();
  if (place == nullptr) {
    state_->dropped_ticks.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  place->record = record;
  place->dropped = state_->dropped();
  state_->tick_queue.push();
  state_->queued.fetch_add(1, std::memory_order_relaxed);
}

void TickLogWriter::frame(std::size_t input, const stream::Source& source,
                          const stream::FeatureFrame& frame) {
  if (state_->failed) return;
  const std::string file = tick_log::frames_file(input);
  try {
    stream::FeatureMessage message;
    message.source = source;
    message.frame.index = frame.index;
    message.frame.pts = frame.pts;
    message.frame.episode = frame.episode;
    message.frame.features = frame.features.clone();
    if (frame.attention.defined()) message.frame.attention = frame.attention.clone();
    if (frame.semantic.defined()) message.frame.semantic = frame.semantic.clone();
    message.sequence = frame.index;
    AppendFile& frames = state_->frames.at(input);
    if (!frames.is_open()) frames = AppendFile(state_->folder / file);
    const std::vector<std::byte> blob = stream::encode(message);
    state_->check(frames.append(tick_log::to_length(blob.size()), blob), file);
  } catch (const std::exception& error) {
    state_->fail(error.what());
  }
}

void TickLogWriter::flush() const {
  while (state_->done.load(std::memory_order_acquire) <
         state_->queued.load(std::memory_order_relaxed))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::int64_t TickLogWriter::dropped() const noexcept {
  const tick_log::Dropped dropped = state_->dropped();
  return dropped.ticks + dropped.messages;
}

std::string TickLogWriter::problem() const {
  const std::lock_guard lock(state_->problem_mutex);
  return state_->problem;
}

}  // namespace sluice::apps

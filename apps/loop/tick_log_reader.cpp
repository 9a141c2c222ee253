#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "apps/loop/framed_file.h"
#include "apps/loop/logged_frames.h"
#include "apps/loop/tick_log.h"
#include "apps/loop/tick_log_format.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;

std::string read_whole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw input_error(path.string(), "cannot be read", "a file of a tick log");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The lines of a file, one by one; one without its end of line was never finished.
class Lines {
 public:
  explicit Lines(const fs::path& path) : path_(path), file_(path, std::ios::binary) {
    if (!file_) throw input_error(path.string(), "cannot be read", "a file of a tick log");
  }

  [[nodiscard]] bool next(std::string& line) {
    if (!std::getline(file_, line)) return false;
    has_unfinished_end_ = file_.eof();
    ++number_;
    return !has_unfinished_end_;
  }
  [[nodiscard]] bool has_unfinished_end() const noexcept { return has_unfinished_end_; }
  [[nodiscard]] std::string where() const { return concat(path_.string(), ":", number_); }

 private:
  fs::path path_;
  std::ifstream file_;
  std::int64_t number_ = 0;
  bool has_unfinished_end_ = false;
};

}  // namespace

struct TickLogReader::State {
  explicit State(const fs::path& log_folder);

  void count_ticks();
  /// Ends the log with a note.
  bool end(std::string note);

  fs::path folder;
  std::string config;
  fs::path config_folder;
  std::vector<std::string> inputs;
  FramedFile feedback;
  std::vector<FeedbackArrival> arrivals;
  std::int64_t ticks = 0;
  tick_log::Dropped dropped;
  std::vector<std::string> notes;

  Lines lines;
  std::string text;
  tick_log::TickLine line;
  std::int64_t read = 0;
  bool ended = false;
  std::vector<std::byte> bytes;
};

TickLogReader::State::State(const fs::path& log_folder)
    : folder(log_folder),
      config(read_whole(folder / tick_log::config_file)),
      feedback(folder / tick_log::feedback_file),
      lines(folder / tick_log::ticks_file) {
  const fs::path path = folder / tick_log::header_file;
  tick_log::Header header = tick_log::parse_header(read_whole(path), path.string());
  config_folder = header.config_folder;
  inputs = std::move(header.inputs);
  Lines arrival_lines(folder / tick_log::arrivals_file);
  while (std::ssize(arrivals) < feedback.size() && arrival_lines.next(text))
    arrivals.push_back(tick_log::parse_arrival(text, arrival_lines.where()));
  count_ticks();
}

void TickLogReader::State::count_ticks() {
  Lines all(folder / tick_log::ticks_file);
  bool is_closed = false;
  while (all.next(text)) {
    is_closed = text.rfind("{\"end\"", 0) == 0;
    ticks += is_closed ? 0 : 1;
  }
  if (!is_closed) {
    notes.push_back(all.has_unfinished_end()
                        ? "The log breaks off in the middle of a tick: its writer was ended."
                        : "The log was not closed: its writer was ended, or still writes.");
  }
}

bool TickLogReader::State::end(std::string note) {
  ended = true;
  if (!note.empty()) notes.push_back(std::move(note));
  return false;
}

TickLogReader::TickLogReader(const fs::path& folder) {
  if (!is_log(folder))
    throw input_error(folder.string(), "holds no tick log", "a folder that sluice loop --log made");
  state_ = std::make_unique<State>(folder);
}

TickLogReader::TickLogReader(TickLogReader&&) noexcept = default;
TickLogReader& TickLogReader::operator=(TickLogReader&&) noexcept = default;
TickLogReader::~TickLogReader() = default;

bool TickLogReader::is_log(const fs::path& folder) {
  std::error_code error;
  return fs::is_regular_file(folder / tick_log::header_file, error);
}

const std::string& TickLogReader::config() const noexcept {
  return state_->config;
}

const fs::path& TickLogReader::config_folder() const noexcept {
  return state_->config_folder;
}

const std::vector<std::string>& TickLogReader::inputs() const noexcept {
  return state_->inputs;
}

bool TickLogReader::next(TickRecord& record) {
  State& state = *state_;
  if (state.ended || !state.lines.next(state.text)) return state.end({});
  parse_line(state.text, state.lines.where(), state.line);
  const tick_log::Dropped before = std::exchange(state.dropped, state.line.dropped);
  if (state.dropped.ticks > before.ticks || state.dropped.messages > before.messages)
    state.notes.push_back(concat(
        "The disk was too slow: ", state.dropped.ticks - before.ticks, " ticks and ",
        state.dropped.messages - before.messages, " messages of feedback are missing ",
        state.line.is_end ? "at the end" : concat("before tick ", state.line.record.tick), "."));
  if (state.line.is_end) return state.end({});
  const TickRecord& tick = state.line.record;
  if (tick.frames.size() != state.inputs.size())
    throw input_error(state.lines.where(), concat("has frames of ", tick.frames.size(), " inputs"),
                      concat(state.inputs.size()));
  if (tick.feedback_count > state.feedback.size() - tick.feedback_first)
    return state.end(concat("The log ends before tick ", tick.tick,
                            ": the feedback that came before it is not there."));
  std::swap(record, state.line.record);
  return true;
}

stream::Feedback TickLogReader::feedback(std::int64_t number) {
  state_->feedback.read(number, state_->bytes);
  return stream::decode_feedback(state_->bytes, state_->feedback.where(number));
}

FeedbackArrival TickLogReader::arrival(std::int64_t number) {
  if (number < 0 || number >= std::ssize(state_->arrivals))
    throw input_error((state_->folder / tick_log::arrivals_file).string(),
                      concat("has no message ", number), "one line per message");
  return state_->arrivals[static_cast<std::size_t>(number)];
}

std::unique_ptr<stream::FrameSource> TickLogReader::frames(std::size_t input) {
  const fs::path path = state_->folder / tick_log::frames_file(input);
  if (!fs::exists(path)) return nullptr;
  FramedFile file(path);
  if (file.has_unfinished_end())
    state_->notes.push_back(
        concat("The frames of input ", input, " break off: the last one was not finished."));
  if (file.size() == 0) return nullptr;
  return std::make_unique<LoggedFrames>(std::move(file));
}

std::int64_t TickLogReader::ticks() const noexcept {
  return state_->ticks;
}

std::int64_t TickLogReader::dropped() const noexcept {
  return state_->dropped.ticks + state_->dropped.messages;
}

const std::vector<std::string>& TickLogReader::notes() const noexcept {
  return state_->notes;
}

}  // namespace sluice::apps

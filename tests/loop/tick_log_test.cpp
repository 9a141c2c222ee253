// What a loop wrote down reads back exactly, whatever happened to the writer, the queue or the
// disk.
#include "apps/loop/tick_log.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "stream/feedback.h"
#include "tests/io/temporary_folder.h"
#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"

namespace {

namespace fs = std::filesystem;
using namespace sluice;
using apps::TickLogReader;
using apps::TickLogWriter;
using apps::TickRecord;
using test::Random;

constexpr std::size_t inputs = 2;

double awkward(Random& random) {
  constexpr double odd[] = {0.0,    -0.0,    1e-308,
                            5e-324, 1e308,   std::numeric_limits<double>::infinity(),
                            0.1,    1.0 / 3, -std::numeric_limits<double>::infinity()};
  return random.chance(0.3) ? odd[random.integer(0, 8)] : random.between(-1e6, 1e6);
}

TickRecord random_record(Random& random, std::int64_t tick) {
  TickRecord record;
  record.tick = tick;
  record.episode = random.integer(0, 3);
  record.clock_s = awkward(random);
  record.deadline_ms = awkward(random);
  for (std::size_t i = 0; i < inputs; ++i) record.frames.push_back(random.integer(-1, 1'000'000));
  record.status = static_cast<policy::TickStatus>(random.integer(0, 5));
  record.sequence = random.chance(0.1) ? std::numeric_limits<std::int64_t>::max() : tick;
  record.budget = random.integer(0, 4096);
  record.available = random.integer(0, 4096);
  record.kept = random.integer(0, 4096);
  for (int i = 0; i < 3; ++i) record.kept_by_source.push_back(random.integer(0, 100));
  record.decision_hash = static_cast<std::uint64_t>(random.integer(0, 1LL << 62)) * 7;
  record.late_ms = awkward(random);
  record.step_ms = awkward(random);
  record.encode_ms = awkward(random);
  return record;
}

stream::Feedback random_feedback(Random& random, std::int64_t tick) {
  stream::Feedback feedback;
  feedback.stream = "sluice";
  feedback.tick = tick;
  auto& source = feedback.sources.emplace_back();
  source.source = "camera";
  for (std::int64_t i = random.integer(0, 40); i > 0; --i)
    source.action_attention.push_back(static_cast<float>(random.uniform()));
  if (random.chance(0.5)) feedback.model_latency_ms = random.between(1, 100);
  return feedback;
}

stream::FeatureFrame random_frame(Random& random, std::int64_t index) {
  stream::FeatureFrame frame;
  frame.index = index;
  frame.pts = 0.1 * static_cast<double>(index);
  frame.episode = index / 3;
  frame.features.reshape(kernels::DType::f32, {6, 4});
  for (float& value : frame.features.as<float>()) value = random.normal();
  if (random.chance(0.5)) {
    frame.semantic.reshape(kernels::DType::f32, {6});
    for (float& value : frame.semantic.as<float>()) value = static_cast<float>(random.uniform());
  }
  return frame;
}

stream::Source small_source() {
  stream::Source source;
  source.grid_rows = 2;
  source.grid_cols = 3;
  source.feature_width = 4;
  return source;
}

const std::vector<std::string> input_names{"clip.mp4", "tcp://127.0.0.1:5000"};

/// What was written, to compare with.
struct Written {
  std::vector<TickRecord> ticks;
  std::vector<std::vector<std::byte>> messages;
  std::vector<apps::FeedbackArrival> arrivals;
  std::vector<std::vector<float>> frames;
};

/// Ticks with feedback before them, and a frame of input 1 now and then. Flushes often: nothing is
/// dropped.
Written write_log(const fs::path& folder, std::uint64_t seed, std::int64_t ticks) {
  Random random(seed);
  Written written;
  TickLogWriter writer(folder, "rate_hz = 10\n", folder.parent_path(), input_names);
  for (std::int64_t t = 0; t < ticks; ++t) {
    TickRecord record = random_record(random, t);
    record.feedback_first = std::ssize(written.messages);
    for (std::int64_t i = random.integer(0, 3); i > 0; --i) {
      written.messages.push_back(encode(random_feedback(random, t)));
      written.arrivals.push_back(
          {static_cast<policy::FeedbackFate>(random.integer(0, 7)), awkward(random)});
      EXPECT_EQ(writer.feedback(written.messages.back(), written.arrivals.back().fate,
                                written.arrivals.back().clock_s),
                record.feedback_first + record.feedback_count);
      ++record.feedback_count;
    }
    if (random.chance(0.3)) {
      const auto frame = random_frame(random, std::ssize(written.frames));
      writer.frame(1, small_source(), frame);
      const auto values = frame.features.as<float>();
      written.frames.emplace_back(values.begin(), values.end());
    }
    writer.tick(record);
    written.ticks.push_back(record);
    if (t % 16 == 15) writer.flush();
  }
  writer.flush();
  EXPECT_EQ(writer.dropped(), 0);
  EXPECT_EQ(writer.problem(), "");
  return written;
}

bool same_bits(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

void expect_same(const TickRecord& read, const TickRecord& wrote) {
  EXPECT_EQ(read.tick, wrote.tick);
  EXPECT_EQ(read.episode, wrote.episode);
  EXPECT_EQ(read.frames, wrote.frames);
  EXPECT_EQ(read.feedback_first, wrote.feedback_first);
  EXPECT_EQ(read.feedback_count, wrote.feedback_count);
  EXPECT_EQ(read.status, wrote.status);
  EXPECT_EQ(read.sequence, wrote.sequence);
  EXPECT_EQ(read.budget, wrote.budget);
  EXPECT_EQ(read.available, wrote.available);
  EXPECT_EQ(read.kept, wrote.kept);
  EXPECT_EQ(read.kept_by_source, wrote.kept_by_source);
  EXPECT_EQ(read.decision_hash, wrote.decision_hash);
  for (const auto member : {&TickRecord::clock_s, &TickRecord::deadline_ms, &TickRecord::late_ms,
                            &TickRecord::step_ms, &TickRecord::encode_ms})
    EXPECT_TRUE(same_bits(read.*member, wrote.*member)) << read.*member << " " << wrote.*member;
}

/// Reads all there is and compares it with the beginning of what was written.
std::int64_t expect_prefix(const fs::path& folder, const Written& written) {
  TickLogReader reader(folder);
  TickRecord record;
  std::int64_t ticks = 0;
  while (reader.next(record)) {
    if (ticks >= std::ssize(written.ticks)) {
      ADD_FAILURE() << "more ticks than were written";
      break;
    }
    expect_same(record, written.ticks[static_cast<std::size_t>(ticks++)]);
    for (std::int64_t i = 0; i < record.feedback_count; ++i) {
      const std::int64_t number = record.feedback_first + i;
      EXPECT_EQ(encode(reader.feedback(number)),
                written.messages[static_cast<std::size_t>(number)]);
    }
  }
  return ticks;
}

std::int64_t count_frames(TickLogReader& reader) {
  const auto source = reader.frames(1);
  stream::FeatureFrame frame;
  std::int64_t frames = 0;
  while (source && source->next(frame)) ++frames;
  return frames;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(TickLog, ReadsBackExactlyWhatWasWritten) {
  constexpr std::uint64_t seed = 11;
  SCOPED_TRACE(seed);
  const test::TemporaryFolder folder;
  const Written written = write_log(folder.path() / "log", seed, 300);
  EXPECT_EQ(expect_prefix(folder.path() / "log", written), 300);

  TickLogReader reader(folder.path() / "log");
  EXPECT_EQ(reader.config(), "rate_hz = 10\n");
  EXPECT_EQ(reader.config_folder(), folder.path());
  EXPECT_EQ(reader.inputs(), input_names);
  EXPECT_EQ(reader.ticks(), 300);
  for (std::size_t i = 0; i < written.arrivals.size(); ++i) {
    const auto arrival = reader.arrival(static_cast<std::int64_t>(i));
    EXPECT_EQ(arrival.fate, written.arrivals[i].fate);
    EXPECT_TRUE(same_bits(arrival.clock_s, written.arrivals[i].clock_s));
  }
  TickRecord record;
  while (reader.next(record)) continue;
  EXPECT_TRUE(reader.notes().empty()) << reader.notes().front();
  EXPECT_EQ(reader.dropped(), 0);
}

TEST(TickLog, KeepsTheFramesOfLiveInputsWhole) {
  constexpr std::uint64_t seed = 12;
  const test::TemporaryFolder folder;
  const Written written = write_log(folder.path() / "log", seed, 60);
  ASSERT_GT(written.frames.size(), 5U);

  TickLogReader reader(folder.path() / "log");
  EXPECT_EQ(reader.frames(0), nullptr) << "the log only refers to it";
  const auto frames = reader.frames(1);
  ASSERT_NE(frames, nullptr);
  EXPECT_EQ(frames->source().grid_cols, 3);
  EXPECT_TRUE(frames->is_recording());
  stream::FeatureFrame frame;
  Random random(seed);
  for (std::size_t i = 0; i < written.frames.size(); ++i) {
    ASSERT_TRUE(frames->next(frame));
    EXPECT_EQ(frame.index, static_cast<std::int64_t>(i));
    EXPECT_EQ(frame.pts, 0.1 * static_cast<double>(i));
    EXPECT_EQ(frame.episode, static_cast<std::int64_t>(i) / 3);
    const auto values = std::as_const(frame.features).as<float>();
    EXPECT_TRUE(std::equal(values.begin(), values.end(), written.frames[i].begin()));
  }
  EXPECT_FALSE(frames->next(frame));
}

/// The last records of a log, one byte less at a time: everything before the cut is still there.
TEST(TickLog, StaysReadableWhereverItWasCutOff) {
  constexpr std::uint64_t seed = 13;
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  const Written written = write_log(log, seed, 12);
  for (const char* name : {"ticks.jsonl", "feedback.bin", "feedback.jsonl", "input-1.bin"}) {
    SCOPED_TRACE(name);
    const std::string whole = read_file(log / name);
    std::int64_t ticks_before = std::ssize(written.ticks);
    std::int64_t frames_before = std::ssize(written.frames);
    const std::size_t least = whole.size() - std::min<std::size_t>(whole.size(), 700);
    for (std::size_t size = whole.size(); size-- > least;) {
      fs::resize_file(log / name, size);
      SCOPED_TRACE(size);
      const std::int64_t ticks = expect_prefix(log, written);
      TickLogReader reader(log);
      const std::int64_t frames = count_frames(reader);
      ASSERT_LE(ticks, ticks_before);
      ASSERT_GE(ticks, ticks_before - 1 - 3);  // a message may be what several ticks wait for
      ASSERT_LE(frames, frames_before);
      ASSERT_GE(frames, frames_before - 1);
      ticks_before = ticks;
      frames_before = frames;
    }
    write_file(log / name, whole);
  }
  EXPECT_EQ(expect_prefix(log, written), 12);
}

TEST(TickLog, SaysThatItsWriterWasEnded) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  const Written written = write_log(log, 14, 5);
  const std::string whole = read_file(log / "ticks.jsonl");
  write_file(log / "ticks.jsonl", whole.substr(0, whole.find("{\"end\"") - 3));
  TickLogReader reader(log);
  ASSERT_EQ(reader.notes().size(), 1U);
  EXPECT_CONTAINS(reader.notes().front(), "breaks off");
  EXPECT_EQ(reader.ticks(), 4);
  EXPECT_EQ(expect_prefix(log, written), 4);
}

TEST(TickLog, EndsBeforeATickWhoseFeedbackIsMissing) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  {
    TickLogWriter writer(log, "", folder.path(), input_names);
    Random random(15);
    TickRecord record = random_record(random, 0);
    writer.tick(record);
    record = random_record(random, 1);
    (void)writer.feedback(encode(random_feedback(random, 0)), policy::FeedbackFate::applied, 0.1);
    record.feedback_count = 1;
    writer.tick(record);
  }
  fs::resize_file(log / "feedback.bin", fs::file_size(log / "feedback.bin") - 1);
  TickLogReader reader(log);
  TickRecord record;
  EXPECT_TRUE(reader.next(record));
  EXPECT_FALSE(reader.next(record));
  EXPECT_FALSE(reader.next(record));
  ASSERT_EQ(reader.notes().size(), 1U);
  EXPECT_CONTAINS(reader.notes().front(), "before tick 1");
}

/// Faster than any disk: what does not fit is dropped, counted and noted; the rest is in order.
TEST(TickLog, NeverWaitsForTheDisk) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  Random random(16);
  const TickRecord some = random_record(random, 0);
  const auto message = encode(random_feedback(random, 0));
  std::int64_t ticks = 0, messages = 0, refused = 0;
  {
    TickLogWriter writer(log, "", folder.path(), input_names);
    TickRecord record = some;
    while (ticks < 2'000'000 && (writer.dropped() < 1000 || refused == 0)) {
      if (ticks % 4 == 0) {
        ++messages;
        refused += writer.feedback(message, policy::FeedbackFate::stale, 0) < 0 ? 1 : 0;
      }
      record.tick = ticks++;
      writer.tick(record);
    }
    writer.flush();
    record.tick = ticks++;
    writer.tick(record);
    ASSERT_GT(writer.dropped(), refused);
  }
  TickLogReader reader(log);
  TickRecord record;
  std::int64_t last = -1, read = 0;
  while (reader.next(record)) {
    ASSERT_GT(record.tick, last);
    last = record.tick;
    ++read;
  }
  EXPECT_EQ(last, ticks - 1) << "it goes on once there is room";
  EXPECT_EQ(reader.dropped(), ticks - read + refused);
  ASSERT_FALSE(reader.notes().empty());
  EXPECT_CONTAINS(reader.notes().front(), "too slow");
  EXPECT_NO_THROW((void)reader.feedback(messages - refused - 1));
  EXPECT_THROW((void)reader.feedback(messages - refused), Error);
}

/// Runs `body` in a process of its own, and returns how that ended.
template <typename Body>
int in_child(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(42);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

/// As much as fits, for a child that may not write more.
void write_until_problem(const fs::path& log, bool with_frames) {
  ::signal(SIGXFSZ, SIG_IGN);  // as the command does
  const rlimit limit{20'000, 20'000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Random random(17);
  TickLogWriter writer(log, "", log.parent_path(), input_names);
  for (std::int64_t t = 0; writer.problem().empty(); ++t) {
    if (with_frames)
      writer.frame(1, small_source(), random_frame(random, t));
    else
      writer.tick(random_record(random, t));
    writer.flush();
  }
  if (writer.problem().find("cannot be written: File too large") == std::string::npos) ::_exit(1);
  for (std::int64_t t = 0; t < 2000; ++t) writer.tick(random_record(random, t));
  writer.frame(1, small_source(), random_frame(random, 0));
}

TEST(TickLog, SurvivesAFullDisk) {
  for (const bool with_frames : {false, true}) {
    SCOPED_TRACE(with_frames);
    const test::TemporaryFolder folder;
    const fs::path log = folder.path() / "log";
    const int status = in_child([&] { write_until_problem(log, with_frames); });
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 42);

    TickLogReader reader(log);
    TickRecord record;
    Random random(17);
    if (with_frames) {
      EXPECT_GT(count_frames(reader), 10);
      EXPECT_EQ(fs::file_size(log / "ticks.jsonl"), 0U);
    } else {
      std::int64_t ticks = 0;
      while (reader.next(record)) expect_same(record, random_record(random, ticks++));
      EXPECT_GT(ticks, 20);
      EXPECT_EQ(read_file(log / "ticks.jsonl").back(), '\n') << "the torn record was taken back";
    }
    ASSERT_EQ(reader.notes().size(), 1U);
    EXPECT_CONTAINS(reader.notes().front(), "not closed");
  }
}

TEST(TickLog, SurvivesSigkill) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  const pid_t child = ::fork();
  if (child == 0) {
    Random random(18);
    TickLogWriter writer(log, "", folder.path(), input_names);
    for (std::int64_t t = 0;; ++t) {
      TickRecord record = random_record(random, t);
      record.feedback_first = t;
      record.feedback_count = 1;
      (void)writer.feedback(encode(random_feedback(random, t)), policy::FeedbackFate::applied, 0);
      writer.tick(record);
      if (t % 32 == 31) writer.flush();
    }
  }
  std::error_code none_yet;
  for (int i = 0; i < 20'000; ++i) {
    if (fs::exists(log / "ticks.jsonl", none_yet) && fs::file_size(log / "ticks.jsonl") > 100'000)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  TickLogReader reader(log);
  TickRecord record;
  Random random(18);
  std::int64_t ticks = 0;
  while (reader.next(record)) {
    TickRecord wrote = random_record(random, ticks);
    wrote.feedback_first = ticks;
    wrote.feedback_count = 1;
    expect_same(record, wrote);
    EXPECT_EQ(encode(reader.feedback(ticks)), encode(random_feedback(random, ticks)));
    ++ticks;
  }
  EXPECT_GE(ticks, reader.ticks() - 1);
  EXPECT_GT(ticks, 100);
  ASSERT_FALSE(reader.notes().empty());
}

TEST(TickLog, RefusesWhatItCannotUse) {
  const test::TemporaryFolder folder;
  const fs::path log = folder.path() / "log";
  (void)write_log(log, 19, 5);
  EXPECT_CONTAINS(test::input_error_of([&] { TickLogWriter(log, "", folder.path(), input_names); }),
                  "holds a tick log already");
  EXPECT_CONTAINS(test::input_error_of([&] { TickLogReader{folder.path()}; }), "no tick log");
  EXPECT_FALSE(TickLogReader::is_log(folder.path()));
  write_file(folder.path() / "file", "");
  EXPECT_CONTAINS(test::input_error_of([&] {
                    TickLogWriter(folder.path() / "file", "", folder.path(), input_names);
                  }),
                  "file");

  const std::string whole = read_file(log / "ticks.jsonl");
  std::string broken = whole;
  broken.replace(broken.find("\"budget\"", whole.find('\n')), 8, "\"budgat\"");
  write_file(log / "ticks.jsonl", broken);
  TickLogReader damaged(log);
  TickRecord record;
  EXPECT_TRUE(damaged.next(record));
  EXPECT_CONTAINS(test::input_error_of([&] { (void)damaged.next(record); }), "ticks.jsonl:2: ");
  write_file(log / "ticks.jsonl", whole);

  std::string header = read_file(log / "log.json");
  header.replace(header.find("\"1.0\""), 5, "\"2.0\"");
  write_file(log / "log.json", header);
  EXPECT_CONTAINS(test::input_error_of([&] { TickLogReader{log}; }), "version 1.x");
}

}  // namespace

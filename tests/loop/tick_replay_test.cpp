// The ticks of a log run again give the same packets, whatever the model said and whenever.
#include "apps/loop/tick_replay.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "apps/loop/input_tokens.h"
#include "apps/loop/loop_engine.h"
#include "apps/report/tick_report.h"
#include "apps/report/tick_statistics.h"
#include "apps/report/tick_summary.h"
#include "stream/feedback.h"
#include "stream/safetensors.h"
#include "tests/io/temporary_folder.h"
#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"
#include "tests/support/random_ticks.h"

namespace {

namespace fs = std::filesystem;
using namespace sluice;
using test::Random;

constexpr std::int64_t width = 8, positions = 30;
const std::atomic<bool> never = false;

/// A recording of features at 10 frames a second, with calm stretches.
void write_recording(const fs::path& path, std::uint64_t seed, std::int64_t frames) {
  Random random(seed);
  const test::ClipShape shape{frames, positions, width};
  const auto clip = test::clip_tensor(test::random_clip(random, shape), shape);
  kernels::Tensor pts(kernels::DType::f64, {frames});
  for (std::int64_t f = 0; f < frames; ++f)
    pts.as<double>()[static_cast<std::size_t>(f)] = 0.1 * static_cast<double>(f);
  const stream::NamedTensor tensors[] = {{"features", clip.view()}, {"pts", pts.view()}};
  stream::write_safetensors(path, tensors, {});
}

/// Two cameras, one of which remembers.
apps::LoopConfig two_inputs(const fs::path& folder) {
  apps::LoopConfig config;
  config.deadline_ms = 50;
  config.engine.budget = {.controller = "deadline", .tokens = 24, .least = 8};
  for (const char* id : {"front", "wrist"}) {
    auto& input = config.inputs.emplace_back();
    input.input.input = (folder / (std::string(id) + ".safetensors")).string();
    input.source.id = id;
  }
  config.inputs[0].memory.emplace();
  config.inputs[0].memory->memory.tokens = 40;
  config.inputs[0].memory->reduction.latency = 4;
  return config;
}

std::vector<std::string> input_names(const apps::LoopConfig& config) {
  std::vector<std::string> names;
  for (const auto& input : config.inputs) names.push_back(input.input.input);
  return names;
}

using Blobs = std::vector<std::vector<std::byte>>;

/// Answers of a model that is late, silent, double, mistaken or ahead of itself.
std::vector<stream::Feedback> random_answers(Random& random,
                                             const std::vector<stream::Feedback>& possible) {
  std::vector<stream::Feedback> answers;
  for (std::int64_t i = random.integer(0, 2); i > 0 && !possible.empty(); --i) {
    const std::int64_t back =
        random.integer(0, std::min<std::int64_t>(11, std::ssize(possible) - 1));
    const auto& of_tick = possible[possible.size() - 1 - static_cast<std::size_t>(back)];
    stream::Feedback answer;
    answer.stream = random.chance(0.05) ? "other" : of_tick.stream;
    answer.episode = of_tick.episode + (random.chance(0.05) ? 1 : 0);
    answer.tick = of_tick.tick + (random.chance(0.05) ? 50 : 0);
    answer.sources = of_tick.sources;
    if (random.chance(0.2) && !answer.sources.empty()) {
      answer.sources[0].action_attention.push_back(0.5F);
      answer.sources[0].semantic_attention.push_back(0.5F);
    }
    answer.model_latency_ms = random.between(5, 40);
    answer.action.reshape(kernels::DType::f32, {1, 2});
    for (float& value : answer.action.as<float>()) value = random.normal();
    answers.push_back(std::move(answer));
  }
  return answers;
}

/// Drives an engine as a loop does, with frames skipped at random, and logs it.
struct Driven {
  Blobs packets;
  std::int64_t feedback = 0;
};

Driven drive(const apps::LoopConfig& config, const fs::path& log_folder, std::uint64_t seed,
             std::int64_t ticks) {
  Random random(seed);
  std::vector<std::unique_ptr<apps::LoopInput>> inputs;
  std::vector<apps::InputShape> shapes;
  for (const auto& input : config.inputs) {
    inputs.push_back(apps::open_loop_input(input, never));
    shapes.push_back(inputs.back()->shape());
  }
  kernels::Resources resources(2);
  apps::LoopEngine engine(resources, config, shapes);
  apps::TickLogWriter log(log_folder, "as in the test", log_folder.parent_path(),
                          input_names(config));
  std::vector<apps::InputTokens> tokens(inputs.size());
  std::vector<const apps::InputTokens*> offered(inputs.size());
  std::vector<stream::Feedback> possible;
  stream::Packet packet;
  Driven driven;
  std::int64_t number = 0;
  for (std::int64_t t = 0; t < ticks; ++t) {
    apps::TickRecord record;
    number += random.chance(0.05) ? 3 : 1;  // ticks may be missed
    record.tick = number;
    record.clock_s = 0.1 * static_cast<double>(number) + random.between(0, 0.01);
    record.deadline_ms = random.chance(0.5) ? config.deadline_ms : random.between(20, 80);
    record.feedback_first = driven.feedback;
    for (const stream::Feedback& answer : random_answers(random, possible)) {
      const auto fate = engine.feedback(answer);
      EXPECT_EQ(log.feedback(encode(answer), fate, record.clock_s), driven.feedback++);
      ++record.feedback_count;
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      for (std::int64_t frames = random.integer(0, 2); frames > 0; --frames)
        (void)inputs[i]->next(tokens[i]);
      offered[i] = tokens[i].frame >= 0 && !random.chance(0.1) ? &tokens[i] : nullptr;
      record.frames.push_back(offered[i] ? offered[i]->frame : -1);
    }
    record.status = engine.tick({record.tick, record.clock_s, record.deadline_ms}, offered, packet);
    record.decision_hash = apps::decision_hash(packet);
    driven.packets.push_back(stream::encode(packet));
    possible.push_back(test::feedback_on(packet, [&](const std::string&, std::int64_t key) {
      return key % 5 == 0 ? 0.5F : static_cast<float>(0.1 * random.uniform());
    }));
    log.tick(record);
    if (t % 16 == 15) log.flush();
  }
  log.flush();
  EXPECT_EQ(log.dropped(), 0);
  return driven;
}

struct Replayed {
  apps::TickReplay result;
  Blobs packets;
};

Replayed replay(const fs::path& log_folder, const apps::LoopConfig& config, int threads = 1) {
  Replayed replayed;
  apps::TickReplaySettings settings;
  settings.input = log_folder.string();
  settings.threads = threads;
  settings.on_tick = [&](const stream::Packet&, std::span<const std::byte> blob) {
    replayed.packets.emplace_back(blob.begin(), blob.end());
  };
  apps::TickLogReader log(log_folder);
  replayed.result = apps::replay_log(log, config, settings, never);
  return replayed;
}

class TickReplay : public ::testing::Test {
 protected:
  void SetUp() override {
    write_recording(folder_.path() / "front.safetensors", 1, 200);
    write_recording(folder_.path() / "wrist.safetensors", 2, 200);
  }
  [[nodiscard]] fs::path log() const { return folder_.path() / "log"; }

  test::TemporaryFolder folder_;
};

TEST_F(TickReplay, OfALogGivesTheSamePacketsByteForByte) {
  for (const std::uint64_t seed : {21U, 22U, 23U}) {
    SCOPED_TRACE(seed);
    fs::remove_all(log());
    const apps::LoopConfig config = two_inputs(folder_.path());
    const Driven driven = drive(config, log(), seed, 120);
    EXPECT_GT(driven.feedback, 50);
    for (const int threads : {1, 3}) {
      const Replayed replayed = replay(log(), config, threads);
      ASSERT_FALSE(replayed.result.error);
      EXPECT_EQ(replayed.result.compared, 120);
      EXPECT_EQ(replayed.result.different, 0) << replayed.result.difference;
      EXPECT_EQ(replayed.packets, driven.packets);
      EXPECT_TRUE(replayed.result.trace.notes.empty()) << replayed.result.trace.notes.front();
    }
  }
}

TEST_F(TickReplay, OfALogCountsEveryKindOfFeedback) {
  const apps::LoopConfig config = two_inputs(folder_.path());
  const Driven driven = drive(config, log(), 24, 180);
  const auto trace = replay(log(), config).result.trace;
  const report::TickCounts counts = report::count(trace);
  EXPECT_EQ(counts.feedback, driven.feedback);
  using policy::FeedbackFate;
  for (const auto fate : {FeedbackFate::applied, FeedbackFate::stale, FeedbackFate::duplicate,
                          FeedbackFate::other_episode, FeedbackFate::future,
                          FeedbackFate::malformed, FeedbackFate::other_stream})
    EXPECT_GT(counts.of(fate), 0) << apps::name_of(fate);
  EXPECT_EQ(counts.violations, 0);
  EXPECT_EQ(counts.exact, counts.ok + counts.empty);
  EXPECT_GT(report::model_latency(trace).answers, 20);
}

/// A trace is what the packets say, source by source.
TEST_F(TickReplay, TracesWhatIsInThePackets) {
  const apps::LoopConfig config = two_inputs(folder_.path());
  (void)drive(config, log(), 25, 60);
  const Replayed replayed = replay(log(), config);
  const auto& trace = replayed.result.trace;
  report::require_consistent(trace);
  ASSERT_EQ(trace.sources.size(), 3U);
  EXPECT_EQ(trace.sources[1].source.id, "front.memory");
  for (std::size_t t = 0; t < trace.ticks.size(); ++t) {
    const auto packet = stream::decode_packet(replayed.packets[t], "packet");
    EXPECT_EQ(packet.tick, trace.ticks[t].tick);
    EXPECT_EQ(packet.budget, trace.ticks[t].budget);
    EXPECT_EQ(packet.kept, trace.ticks[t].kept);
    for (std::size_t s = 0; s < trace.sources.size(); ++s) {
      const auto& source = trace.sources[s];
      const auto first = source.key.begin() + source.first_kept[t];
      EXPECT_EQ(std::vector(first, first + source.kept(t)), packet.batches[s].key);
    }
  }
  EXPECT_GT(trace.sources[1].key.size(), 0U) << "memory was offered and kept";
}

TEST_F(TickReplay, SaysWhichTickComesOutOtherwise) {
  const apps::LoopConfig config = two_inputs(folder_.path());
  (void)drive(config, log(), 26, 60);
  apps::LoopConfig changed = config;
  changed.engine.budget.least = 9;
  const auto result = replay(log(), changed).result;
  EXPECT_GT(result.different, 0);
  EXPECT_LE(result.different, result.compared);
  EXPECT_CONTAINS(result.difference, "tick ");

  write_recording(folder_.path() / "wrist.safetensors", 3, 200);
  EXPECT_GT(replay(log(), config).result.different, 30);
}

TEST_F(TickReplay, NamesARecordingThatIsMissingOrTooShort) {
  const apps::LoopConfig config = two_inputs(folder_.path());
  (void)drive(config, log(), 27, 60);
  write_recording(folder_.path() / "wrist.safetensors", 2, 5);
  const auto result = replay(log(), config).result;
  ASSERT_TRUE(result.error);
  const std::string shorter = test::input_error_of([&] { std::rethrow_exception(result.error); });
  EXPECT_CONTAINS(shorter, "wrist.safetensors: ends after frame 4");
  EXPECT_GT(result.compared, 0) << "what went before is there";
  EXPECT_EQ(result.different, 0);

  fs::remove(folder_.path() / "wrist.safetensors");
  const std::string missing = test::input_error_of([&] { (void)replay(log(), config); });
  EXPECT_CONTAINS(missing, "wrist.safetensors");
  EXPECT_CONTAINS(missing, "log: input 1 (wrist)");
}

/// A live input can't be opened again: its frames are in the log.
TEST_F(TickReplay, ReadsLiveInputsFromTheLog) {
  apps::LoopConfig config = two_inputs(folder_.path());
  Driven driven;
  {
    // As if the second input had been live: every frame it gave is kept.
    driven = drive(config, log(), 28, 60);
    fs::rename(log(), folder_.path() / "other");
    Random random(2);
    const test::ClipShape shape{200, positions, width};
    const auto clip = test::clip_tensor(test::random_clip(random, shape), shape);
    apps::TickLogWriter frames(folder_.path() / "frames", "", folder_.path(), input_names(config));
    stream::FeatureFrame frame;
    for (std::int64_t f = 0; f < 200; ++f) {
      stream::Source source;
      source.grid_rows = 5;
      source.grid_cols = 6;
      source.feature_width = width;
      frame.index = f;
      frame.pts = 0.1 * static_cast<double>(f);
      frame.features.copy_from(clip.view()[f]);
      frames.frame(1, source, frame);
    }
  }
  fs::rename(folder_.path() / "other", log());
  fs::rename(folder_.path() / "frames" / "input-1.bin", log() / "input-1.bin");
  fs::remove(folder_.path() / "wrist.safetensors");
  config.inputs[1].input.input = "tcp://127.0.0.1:9";
  const Replayed replayed = replay(log(), config);
  ASSERT_FALSE(replayed.result.error);
  EXPECT_EQ(replayed.result.different, 0) << replayed.result.difference;
  fs::remove(log() / "input-1.bin");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)replay(log(), config); }), "holds no frame");
}

TEST_F(TickReplay, OfARecordingOffersTheNewestFrame) {
  apps::LoopConfig config = two_inputs(folder_.path());
  config.engine.budget = {.tokens = 12};
  config.inputs[0].memory.reset();
  config.inputs.pop_back();
  for (const double rate : {10.0, 4.0, 30.0}) {
    SCOPED_TRACE(rate);
    config.rate_hz = rate;
    Blobs packets;
    apps::TickReplaySettings settings;
    settings.on_tick = [&](const stream::Packet& packet, std::span<const std::byte> blob) {
      const auto t = static_cast<double>(*packet.tick);
      const auto newest = static_cast<std::int32_t>(t * 10 / rate + 1e-6);
      EXPECT_EQ(packet.batches[0].frame.front(), std::min(newest, 199));
      packets.emplace_back(blob.begin(), blob.end());
    };
    const auto result = apps::replay_recording(config, settings, never);
    EXPECT_FALSE(result.error);
    const auto ticks = static_cast<std::int64_t>(std::ceil(19.9 * rate - 1e-6)) + 1;
    EXPECT_EQ(std::ssize(packets), ticks);
    EXPECT_EQ(report::count(result.trace).exact, ticks);

    const Blobs before = std::exchange(packets, {});
    (void)apps::replay_recording(config, settings, never);
    EXPECT_EQ(packets, before) << "byte for byte";
  }
}

TEST_F(TickReplay, OfARecordingForgetsOldFramesAndEndsWhenTold) {
  apps::LoopConfig config = two_inputs(folder_.path());
  config.rate_hz = 100;
  config.ticks = 50;
  config.inputs[0].max_age_ms = 55;
  config.inputs[1].max_age_ms = 1e9;
  const auto trace = apps::replay_recording(config, {}, never).trace;
  ASSERT_EQ(trace.ticks.size(), 50U);
  for (std::size_t t = 0; t < 50; ++t) {
    EXPECT_EQ(trace.sources[0].offered[t] > 0, t % 10 <= 5) << t;
    EXPECT_EQ(trace.sources[2].offered[t], positions);
  }
  const std::atomic<bool> stopped = true;
  const auto none = apps::replay_recording(config, {}, stopped);
  EXPECT_TRUE(none.stopped);
  EXPECT_TRUE(none.trace.ticks.empty());
}

TEST_F(TickReplay, ReportAndSummaryAgreeWithTheTrace) {
  const apps::LoopConfig config = two_inputs(folder_.path());
  (void)drive(config, log(), 29, 100);
  auto trace = replay(log(), config).result.trace;
  const auto counts = report::count(trace);
  const std::string page = report::tick_report_html(trace);
  EXPECT_CONTAINS(page, "✓ Exact budget");
  EXPECT_CONTAINS(page, "✓ As logged");
  EXPECT_CONTAINS(page, "wrist: history");
  EXPECT_CONTAINS(report::tick_summary_json(trace),
                  "\"received\": " + std::to_string(counts.feedback));

  trace.ticks[7].kept += 1;
  trace.ticks[8].as_logged = false;
  const std::string broken = report::tick_report_html(trace);
  EXPECT_CONTAINS(broken, "✗ Budget not kept");
  EXPECT_CONTAINS(broken, "1 violation");
  EXPECT_CONTAINS(broken, "99 of 100 ticks");
  trace.sources[0].reason.pop_back();
  EXPECT_THROW((void)report::tick_report_html(trace), Error);
  EXPECT_NO_THROW((void)report::tick_report_html({}));
}

}  // namespace

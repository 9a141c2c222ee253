// The config file of a loop: every key is read, checked, documented, and named when it is wrong.
#include "apps/loop/loop_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "apps/loop/nearest_name.h"
#include "apps/loop/toml_document.h"
#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"

namespace sluice::apps {
namespace {

namespace fs = std::filesystem;

const std::string minimal = "[[input]]\nid = \"camera\"\nsource = \"video.mp4\"\n";

LoopConfig parse(const std::string& text) {
  return parse_loop_config(text, "loop.toml", "robot");
}

std::string error_of(const std::string& text) {
  return test::input_error_of([&] { (void)parse(text); });
}

/// A file that is fine but for `key = value`.
std::string with_key(const std::string& path, const std::string& value) {
  std::string root, memory = "[input.memory]\n", voxels = "[input.voxels]\n";
  std::map<std::string, std::string> input{{"id", "\"camera\""}, {"source", "\"video.mp4\""}};
  const auto tail = [&](std::string_view prefix) { return path.substr(prefix.size()); };
  if (path.starts_with("input.memory."))
    memory += tail("input.memory.") + " = " + value + '\n';
  else if (path.starts_with("input.voxels."))
    voxels += tail("input.voxels.") + " = " + value + '\n';
  else if (path.starts_with("input."))
    input[tail("input.")] = value;
  else
    root = path + " = " + value + '\n';
  std::string text = root + "[[input]]\n";
  for (const auto& [key, given] : input) text += key + " = " + given + '\n';
  return text + memory + voxels;
}

int line_of(const std::string& text, const std::string& part) {
  return static_cast<int>(
      1 +
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(part)), '\n'));
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

fs::path in_docs(const char* name) {
  return fs::path(SLUICE_SOURCE_DIR) / "docs" / name;
}

TEST(LoopConfig, AMinimalFileHasTheDefaultsOfTheCode) {
  const LoopConfig config = parse(minimal);
  ASSERT_EQ(config.inputs.size(), 1U);
  EXPECT_EQ(config.inputs[0].source.id, "camera");
  EXPECT_EQ(config.inputs[0].input.input, "robot/video.mp4");
  EXPECT_FALSE(config.inputs[0].input.grid);
  EXPECT_FALSE(config.inputs[0].memory);
  EXPECT_FALSE(config.inputs[0].voxels);
  EXPECT_EQ(config.engine.budget.tokens, policy::BudgetOptions{}.tokens);
  EXPECT_EQ(config.link.packets, stream::ControlLinkOptions{}.packets);
  EXPECT_FALSE(config.link.curve);
  EXPECT_TRUE(config.log.empty());
  LoopConfig same;
  same.inputs.resize(1);
  EXPECT_EQ(config.describe(), same.describe());
}

TEST(LoopConfig, EveryTableIsRead) {
  const LoopConfig config = parse(R"(
stream = "arm"
rate_hz = 30
ticks = 100
deadline_ms = 40.5
fixed_shape = "hold"
warm_up = "published"
[selector]
name = "random"
seed = 7
refresh_share = 0.25
[history.action]
window = 5
[history.semantic]
window = 6
decay = 0.5
absent_decay = 0
reversed = true
forget_after = 9
[feedback]
stale_after = 3
[budget]
controller = "deadline"
tokens = 300
first = 20
[budget.latency]
quantile = 0.9
[link]
packets = "tcp://127.0.0.1:7000"
max_feedback_kib = 2
queue = 5
heartbeat_ms = 100
heartbeat_timeout_ms = 300
[metrics]
listen = ""
[log]
folder = "../logs/today"
[[input]]
id = "front"
source = "rtsp://camera.local/front"
fps = 15
grid = [16, 12]
max_age_ms = 80
floor = 10
[[input]]
id = "wrist"
source = "/data/wrist.mp4"
cap = 100
shape = 64
[input.memory]
segments = 2
retain = 0.2
tau = 0.7
latency = 16
floor = 4
[input.voxels]
preset = "table-top"
tokens = 99
intrinsics = [585, 585.5, 320, 240]
features = "wrist.safetensors"
information = 2
)");
  EXPECT_EQ(config.engine.stream, "arm");
  EXPECT_EQ(config.rate_hz, 30);
  EXPECT_EQ(config.ticks, 100);
  EXPECT_EQ(config.deadline_ms, 40.5);
  EXPECT_EQ(config.engine.fixed_shape, policy::FixedShape::hold);
  EXPECT_TRUE(config.engine.published_warm_up);
  EXPECT_EQ(config.engine.selector, "random");
  EXPECT_EQ(config.engine.selector_options.seed, 7U);
  EXPECT_EQ(config.engine.refresh_share, 0.25);
  EXPECT_EQ(config.engine.action_history.window, 5);
  EXPECT_EQ(config.engine.action_history.decay, 0.8);
  EXPECT_EQ(config.engine.semantic_history.window, 6);
  EXPECT_EQ(config.engine.semantic_history.absent_decay, 0);
  EXPECT_TRUE(config.engine.semantic_history.reversed);
  EXPECT_EQ(config.engine.semantic_history.forget_after, 9);
  EXPECT_EQ(config.engine.stale_after, 3);
  EXPECT_EQ(config.engine.budget.controller, "deadline");
  EXPECT_EQ(config.engine.budget.tokens, 300);
  EXPECT_EQ(config.engine.budget.first, 20);
  EXPECT_EQ(config.engine.budget.latency.quantile, 0.9);
  EXPECT_EQ(config.link.packets, "tcp://127.0.0.1:7000");
  EXPECT_EQ(config.link.max_feedback, 2048);
  EXPECT_EQ(config.link.feedback_queue, 5U);
  EXPECT_EQ(config.link.heartbeat.count(), 100);
  EXPECT_EQ(config.metrics, "");
  EXPECT_EQ(config.log, "logs/today");
  ASSERT_EQ(config.inputs.size(), 2U);
  const LoopInputConfig &front = config.inputs[0], &wrist = config.inputs[1];
  EXPECT_EQ(front.input.input, "rtsp://camera.local/front");
  EXPECT_EQ(front.input.fps, 15);
  EXPECT_EQ(front.input.grid, "16,12");
  EXPECT_EQ(front.max_age_ms, 80);
  EXPECT_EQ(front.source.floor, 10);
  EXPECT_FALSE(front.memory);
  EXPECT_EQ(wrist.input.input, "/data/wrist.mp4");
  EXPECT_EQ(wrist.source.cap, 100);
  EXPECT_EQ(wrist.source.shape, 64);
  ASSERT_TRUE(wrist.memory);
  EXPECT_EQ(wrist.memory->memory.segments, 2);
  EXPECT_EQ(wrist.memory->reduction.reduction.retain, 0.2);
  EXPECT_EQ(wrist.memory->tau, 0.7);
  EXPECT_EQ(wrist.memory->reduction.latency, 16);
  EXPECT_EQ(wrist.memory->source.floor, 4);
  ASSERT_TRUE(wrist.voxels);
  EXPECT_EQ(wrist.voxels->spatial.preset, "table-top");
  EXPECT_EQ(wrist.voxels->spatial.budget, 99);
  EXPECT_EQ(wrist.voxels->spatial.camera()->fy, 585.5);
  EXPECT_EQ(wrist.voxels->spatial.features, "robot/wrist.safetensors");
  EXPECT_EQ(wrist.voxels->source.information, 2);
}

TEST(LoopConfig, SourcesWithASchemeAreLeftAsTheyAre) {
  for (const std::string source : {"v4l2:/dev/video0", "tcp://127.0.0.1:5570", "ipc:///tmp/eyes"}) {
    const std::string text = "[[input]]\nid = \"a\"\nsource = \"" + source + "\"\n";
    EXPECT_EQ(parse(text).inputs[0].input.input, source);
  }
  EXPECT_EQ(parse("[[input]]\nid = \"a\"\nsource = \"../x/img-%06d.png\"\n").inputs[0].input.input,
            "x/img-%06d.png");
}

/// None of our keys holds a date.
TEST(LoopConfig, EveryKeyNamesItselfWhenItsValueHasTheWrongKind) {
  for (const LoopKey& key : loop_keys()) {
    const std::string text = with_key(key.path, "1979-05-27");
    const std::string error = error_of(text);
    EXPECT_CONTAINS(error, "loop.toml:" + std::to_string(line_of(text, "1979")) + ": " + key.path +
                               ": a time; expected ");
  }
}

TEST(LoopConfig, EveryMisspeltKeyNamesItselfAndTheRightOne) {
  for (const LoopKey& key : loop_keys()) {
    const std::string text = with_key(key.path + "x", "1");
    const std::string error = error_of(text);
    const std::string name = key.path.substr(key.path.rfind('.') + 1);
    EXPECT_CONTAINS(error,
                    key.path + "x: unknown key, did you mean " + name + "?; expected one of");
    EXPECT_CONTAINS(error, "loop.toml:" + std::to_string(line_of(text, name + "x =")));
  }
}

/// Every number that the range excludes, at its ends and beyond.
TEST(LoopConfig, EveryNumberOutsideItsRangeIsRefused) {
  const std::regex interval(R"(([\[(])([-0-9.e]+), ([-0-9.e]+)([\])])$)");
  const std::regex lowest(R"((≥|>) ([-0-9.e]+)$)");
  int checked = 0;
  const auto expect_refused = [&](const LoopKey& key, const std::string& value) {
    EXPECT_CONTAINS(error_of(with_key(key.path, value)), ": " + key.path + ": ");
    EXPECT_CONTAINS(error_of(with_key(key.path, value)), "expected ");
    ++checked;
  };
  for (const LoopKey& key : loop_keys()) {
    std::smatch match;
    if (std::regex_search(key.range, match, interval)) {
      const std::string low = match[2], high = match[3];
      if (match[1] == "(") expect_refused(key, low);
      if (match[4] == ")") expect_refused(key, high);
      expect_refused(key, std::to_string(std::stod(low) - 1));
      expect_refused(key, std::to_string(std::stoll(high) + 1));
    } else if (std::regex_search(key.range, match, lowest)) {
      if (match[1] == ">") expect_refused(key, match[2]);
      expect_refused(key, std::to_string(std::stoll(match[2]) - 1));
    } else {
      continue;
    }
    for (const char* value : {"nan", "inf", "-inf", "true", "\"1\""}) expect_refused(key, value);
  }
  EXPECT_GT(checked, 300);
}

struct Mistake {
  std::string text;
  std::string error;
};

TEST(LoopConfig, MistakesAreNamedWithFileLineAndKey) {
  const std::vector<Mistake> mistakes{
      {"rate_hz = 10\nrate = 5\n" + minimal, "loop.toml:2: rate: unknown key"},
      {"[budget]\ntoken = 5\n" + minimal,
       "loop.toml:2: budget.token: unknown key, did you mean tokens?; expected one of controller, "
       "tokens, least, first, explore_every, explore_share, fast, smoothing, latency"},
      {"quantile = 0.9\n" + minimal,
       "loop.toml:1: quantile: unknown key, did you mean budget.latency.quantile?"},
      {"\"rate\\u001b\" = 5\n" + minimal, "loop.toml:1: \"rate\\u001b\": unknown key"},
      {"budget = 128\n" + minimal, "loop.toml:1: budget: 128; expected a table, [budget]"},
      {"rate_hz = \"fast\"\n" + minimal,
       "loop.toml:1: rate_hz: \"fast\", a text; expected a number, ticks per second, [0.001, "
       "1000]"},
      {"ticks = 1.5\n" + minimal, "loop.toml:1: ticks: 1.5, a number; expected a whole number"},
      {"rate_hz = 0\n" + minimal,
       "loop.toml:1: rate_hz: 0; expected ticks per second, [0.001, 1000]"},
      {"fixed_shape = \"padd\"\n" + minimal,
       "loop.toml:1: fixed_shape: \"padd\", did you mean \"pad\"?; expected \"off\", \"pad\" or "
       "\"hold\""},
      {"rate_hz = \n" + minimal, "loop.toml:1: "},
      {"rate_hz = 1\nrate_hz = 2\n" + minimal, "loop.toml:2: "},
      {"", "loop.toml: input: is missing; expected at least one [[input]]"},
      {"[input]\nid = \"a\"\nsource = \"b\"\n",
       "loop.toml:1: input: a table; expected [[input]] in double brackets"},
      {"input = [1]\n", "loop.toml:1: input: a list; expected [[input]]"},
      {"[[input]]\nid = \"a\"\n", "loop.toml:1: input.source: is missing"},
      {"\n[[input]]\nsource = \"a\"\n", "loop.toml:2: input.id: is missing"},
      {"[[input]]\nid = \"a\"\nsource = \"\"\n", "loop.toml:3: input.source: is empty"},
      {"[[input]]\nid = \"a b\"\nsource = \"c\"\n", "loop.toml:2: input.id: "},
      {minimal + minimal,
       "loop.toml:5: input.id: \"camera\" is the name of another source, in line 1"},
      {minimal + "[input.memory]\n[[input]]\nid = \"camera.memory\"\nsource = \"b\"\n",
       "loop.toml:6: input.id: \"camera.memory\" is the name of another source, in line 4"},
      {minimal + "memory = 3\n", "loop.toml:4: input.memory: 3; expected a table, [input.memory]"},
      {minimal + "grid = \"14,14\"\n",
       "loop.toml:4: input.grid: \"14,14\", a text; expected a list of 2 whole numbers"},
      {minimal + "grid = [14]\n", "loop.toml:4: input.grid: a list of 1; expected a list of 2"},
      {minimal + "grid = [14, 14.5]\n",
       "loop.toml:4: input.grid: 14.5, a number; expected a whole"},
      {minimal + "grid = [1000, 1000]\n", "loop.toml:4: input.grid: 1000000 tokens per frame"},
      {minimal + "floor = 9\ncap = 8\n",
       "loop.toml:4: input.floor: a floor of 9 tokens; expected at "
       "most cap, 8"},
      {"fixed_shape = \"pad\"\n" + minimal + "floor = 9\nshape = 8\n",
       "loop.toml:5: input.floor: a floor of 9 tokens; expected at most shape, 8"},
      {minimal + "[input.memory]\ntokens = 5\nfloor = 6\n",
       "loop.toml:6: input.memory.floor: a floor of 6 tokens; expected at most tokens, 5"},
      {"[budget]\ntokens = 100\n" + minimal + "floor = 60\n[input.voxels]\nfloor = 41\n",
       "loop.toml:8: input.voxels.floor: the floors up to here add up to 101 tokens; expected at "
       "most budget.tokens, 100"},
      {"[budget]\ncontroller = \"motion\"\n" + minimal + "floor = 17\n",
       "loop.toml:6: input.floor: the floors up to here add up to 17 tokens; expected at most "
       "budget.least, 16"},
      {"[budget]\ncontroller = \"deadline\"\n" + minimal,
       "loop.toml:2: budget.controller: \"deadline\" without a deadline; expected a deadline_ms"},
      {"[budget]\ncontroller = \"motion\"\ntokens = 15\n" + minimal,
       "loop.toml:3: budget.tokens: 16 tokens; expected at most budget.tokens, 15"},
      {"deadline_ms = 9\n[budget]\ncontroller = \"deadline\"\nfirst = 3\n" + minimal,
       "loop.toml:4: budget.first: 3 tokens; expected budget.least, 16, to budget.tokens, 256"},
      {"deadline_ms = 9\n[budget]\ncontroller = \"deadline\"\nlatency.window = 7\n" + minimal,
       "loop.toml:4: budget.latency.window: 8 answers; expected at most budget.latency.window, 7"},
      {"[link]\npackets = \"127.0.0.1:5560\"\n" + minimal, "loop.toml:2: link.packets: "},
      {"[link]\nfeedback = \"tcp://*:5561\"\n" + minimal,
       "loop.toml:2: link.feedback: tcp://*:5561 would listen to other machines; expected a "
       "loopback address, or link.allow_remote = true"},
      {"[link]\npackets = \"inproc://a\"\n" + minimal, "loop.toml:2: link.packets: inproc://a"},
      {"[link]\nfeedback = \"tcp://127.0.0.1:5560\"\n" + minimal,
       "loop.toml:2: link.feedback: tcp://127.0.0.1:5560 for packets and feedback"},
      {"[link]\nheartbeat_ms = 700\n" + minimal,
       "loop.toml:2: link.heartbeat_ms: 600 ms; expected more than link.heartbeat_ms, 700"},
      {"[link.curve]\nclients = \"keys\"\n" + minimal, "loop.toml:2: link.curve.clients: "},
      {"[metrics]\nlisten = \"9464\"\n" + minimal, "loop.toml:2: metrics.listen: \"9464\""},
      {"stream = \"\"\n" + minimal, "loop.toml:1: stream: is empty"},
      {"prune_ratio = 0.5\n" + minimal, "loop.toml:1: prune_ratio: a prune_ratio without a preset"},
      {minimal + "[input.voxels]\ncoverage = 0.6\nrefresh = 0.5\n",
       "loop.toml:5: input.voxels.coverage: coverage, refresh and unseen add up to 1.15"},
      {minimal + "[input.voxels]\npreset = \"rooms\"\n", "did you mean \"room\"?"},
  };
  for (const auto& [text, expected] : mistakes) {
    SCOPED_TRACE(text);
    const std::string error = error_of(text);
    EXPECT_CONTAINS(error, expected);
    EXPECT_TRUE(error.starts_with("loop.toml:"));
  }
}

/// A damaged file is either fine or an error: never anything else.
TEST(LoopConfig, DamagedFilesAreErrors) {
  const std::string good = read(in_docs("examples/loop.toml"));
  test::Random random(20);
  for (int i = 0; i < 500; ++i) {
    std::string text = good;
    for (std::int64_t damage = random.integer(1, 4); damage > 0; --damage) {
      const auto at = static_cast<std::size_t>(random.integer(0, std::ssize(text) - 1));
      if (random.chance(0.3))
        text.resize(at + 1);
      else
        text[at] = static_cast<char>(random.integer(0, 255));
    }
    try {
      (void)parse(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input) << error.what();
      EXPECT_EQ(std::string(error.what()).find("loop.toml"), 0U) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\x1b'), std::string::npos);
    }
  }
}

TEST(LoopConfig, FilesThatAreNoneAreRefused) {
  const auto error_of_file = [](const fs::path& file) {
    return test::input_error_of([&] { (void)read_loop_config(file); });
  };
  EXPECT_CONTAINS(error_of_file("nowhere.toml"), "nowhere.toml: cannot be opened");
  EXPECT_CONTAINS(error_of_file("/"), "is a folder");
  EXPECT_CONTAINS(error_of_file("/dev/zero"), "is larger than 1 MiB");
}

TEST(LoopConfig, OpenvlaIsOneCameraAtHalfItsTokens) {
  LoopConfig config = parse("preset = \"openvla\"\n" + minimal);
  EXPECT_EQ(config.engine.budget.controller, "fixed");
  EXPECT_EQ(config.engine.budget.tokens, 128);
  EXPECT_EQ(config.engine.action_history.window, 3);
  EXPECT_EQ(config.engine.action_history.decay, 0.8);
  EXPECT_FALSE(config.engine.published_warm_up);
  EXPECT_EQ(config.inputs[0].input.grid, "16,16");
  EXPECT_EQ(config.inputs[0].source.floor, 0);

  config = parse("preset = \"openvla\"\nprune_ratio = 0.875\n[history.action]\nwindow = 4\n" +
                 minimal + "grid = [8, 8]\n");
  EXPECT_EQ(config.engine.budget.tokens, 32);
  EXPECT_EQ(config.engine.action_history.window, 4);
  EXPECT_EQ(config.inputs[0].input.grid, "8,8");
  EXPECT_EQ(parse("preset = \"openvla\"\nbudget.tokens = 77\n" + minimal).engine.budget.tokens, 77);

  EXPECT_CONTAINS(error_of("preset = \"openvla\"\n" + minimal + minimal),
                  "loop.toml:1: preset: preset \"openvla\" with 2 inputs; expected one [[input]]");
}

TEST(LoopConfig, OpenvlaOftPrunesEachCameraByItself) {
  const std::string cameras =
      minimal + "[[input]]\nid = \"wrist\"\nsource = \"tcp://127.0.0.1:5570\"\n";
  LoopConfig config = parse("preset = \"openvla-oft\"\nprune_ratio = 0.9275\n" + cameras);
  EXPECT_EQ(config.engine.budget.tokens, 2 * 19);
  for (const LoopInputConfig& input : config.inputs) {
    EXPECT_EQ(input.source.floor, 19);
    EXPECT_EQ(input.source.cap, 19);
    EXPECT_EQ(input.max_rows, 256);
  }
  EXPECT_EQ(config.inputs[0].input.grid, "16,16");
  EXPECT_FALSE(config.inputs[1].input.grid);  // features bring their own
  config = parse("preset = \"openvla-oft\"\n" + cameras + "floor = 10\ncap = 90\n");
  EXPECT_EQ(config.engine.budget.tokens, 128);
  EXPECT_EQ(config.inputs[0].source.cap, 64);
  EXPECT_EQ(config.inputs[1].source.floor, 10);
  EXPECT_EQ(config.inputs[1].source.cap, 90);
}

TEST(LoopConfig, SettingsHoldWhatDecidesAndNothingElse) {
  const auto settings = parse(minimal + "[input.memory]\n[input.voxels]\n").describe();
  EXPECT_EQ(settings.at("budget.tokens"), "256");
  EXPECT_EQ(settings.at("budget.first"), "none");
  EXPECT_EQ(settings.at("fixed_shape"), "off");
  EXPECT_EQ(settings.at("input[0].id"), "camera");
  EXPECT_EQ(settings.at("input[0].memory.tau"), "none");
  EXPECT_EQ(settings.at("input[0].voxels.tokens"), "256");
  for (const char* key : {"link.packets", "metrics.listen", "log.folder", "stream", "ticks",
                          "input[0].source", "input[0].timeout_s", "link.curve.secret_key"})
    EXPECT_FALSE(settings.contains(key)) << key;
  EXPECT_EQ(parse("[link]\non = false\n[log]\nfolder = \"a\"\n[[input]]\nid = \"camera\"\n"
                  "source = \"elsewhere.mp4\"\n[input.memory]\n[input.voxels]\n")
                .describe(),
            settings);
}

/// A key that is read into the wrong place, or not shown, would go unnoticed otherwise.
TEST(LoopConfig, EverySettingThatDecidesChangesItsOwnEntryAlone) {
  const auto defaults = parse(with_key("ticks", "0")).describe();
  int changed = 0;
  for (const LoopKey& key : loop_keys()) {
    std::string entry = key.path;
    if (entry.starts_with("input.")) entry.replace(0, 5, "input[0]");
    if (!defaults.contains(entry) || key.path == "budget.controller") continue;
    std::string value;
    for (const char* candidate :
         {"true", "false", "\"other\"", "0.4", "3", "40", "500", "[5, 6]", "[5, 6, 7, 8]",
          "\"pad\"", "\"published\"", "\"random\"", "\"robot\"", "\"file\"", "\"parity\""}) {
      try {
        const auto settings = parse(with_key(key.path, candidate)).describe();
        if (settings == defaults) continue;
        value = candidate;
        for (const auto& [name, shown] : settings)
          EXPECT_TRUE(name == entry || shown == defaults.at(name))
              << key.path << " changes " << name;
        break;
      } catch (const Error&) {
      }
    }
    EXPECT_FALSE(value.empty()) << "nothing changes " << key.path;
    changed += value.empty() ? 0 : 1;
  }
  EXPECT_GT(changed, 55);
}

class CurveFiles : public ::testing::Test {
 protected:
  fs::path folder_ =
      fs::path(::testing::TempDir()) /
      ("loop_config_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
       ::testing::UnitTest::GetInstance()->current_test_info()->name());
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "clients");
  }
  void TearDown() override { fs::remove_all(folder_); }
};

TEST_F(CurveFiles, AreReadUnlessTheyAreToBeLeft) {
  const stream::CurveKeys keys = stream::make_curve_keys();
  stream::write_curve_keys(keys, folder_ / "loop");
  const stream::CurveKeys client = stream::make_curve_keys();
  stream::write_curve_keys(client, folder_ / "clients" / "model");
  const std::string text =
      "[link.curve]\nsecret_key = \"loop.secret\"\nclients = \"clients\"\n" + minimal;
  const LoopConfig config = parse_loop_config(text, "loop.toml", folder_);
  ASSERT_TRUE(config.link.curve);
  EXPECT_EQ(config.link.curve->keys.public_key, keys.public_key);
  EXPECT_EQ(config.link.curve->clients, std::vector{client.public_key});

  fs::remove(folder_ / "loop.secret");
  EXPECT_FALSE(parse_loop_config(text, "loop.toml", folder_, CurveKeyFiles::leave).link.curve);
  const std::string error =
      test::input_error_of([&] { (void)parse_loop_config(text, "loop.toml", folder_); });
  EXPECT_EQ(error.find("loop.toml:2: link.curve.secret_key: "), 0U) << error;
}

TEST(NearestName, IsWithinAThird) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("tokens", "tokens"), 0U);
  const std::vector<std::string> names{"tokens", "least", "first"};
  EXPECT_EQ(nearest_name("tokns", names), "tokens");
  EXPECT_EQ(nearest_name("lest", names), "least");
  EXPECT_EQ(nearest_name("budget", names), "");
  EXPECT_EQ(nearest_name("", names), "");
}

/// Rows "| `…` | … |" of a table with so many columns, below the heading.
std::vector<std::vector<std::string>> table_rows(const std::string& heading, std::size_t columns) {
  std::istringstream text(read(in_docs("loop.md")));
  std::vector<std::vector<std::string>> rows;
  bool is_below = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("## ")) is_below = line == heading;
    if (!is_below || !line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) {
      const auto first = cell.find_first_not_of(" `"), last = cell.find_last_not_of(" `");
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    EXPECT_EQ(cells.size(), columns) << line;
    rows.push_back(std::move(cells));
  }
  return rows;
}

TEST(LoopDocs, TheTableOfKeysIsTheOneOfTheCode) {
  const auto rows = table_rows("## Every key", 4);
  const std::vector<LoopKey> keys = loop_keys();
  std::string expected;
  for (const LoopKey& key : keys)
    expected += "| `" + key.path + "` | `" + key.default_value + "` | " + key.range + " | " +
                key.meaning + " |\n";
  ASSERT_EQ(rows.size(), keys.size()) << expected;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(rows[i],
              (std::vector{keys[i].path, keys[i].default_value, keys[i].range, keys[i].meaning}))
        << expected;
    if (::testing::Test::HasFailure()) break;
  }
}

TEST(LoopDocs, TheExamplesAreFine) {
  const LoopConfig example = read_loop_config(in_docs("examples/loop.toml"));
  EXPECT_EQ(example.inputs.size(), 2U);
  EXPECT_TRUE(example.inputs[0].memory);
  EXPECT_TRUE(example.inputs[1].voxels);
  const std::string text = read(in_docs("loop.md"));
  const std::regex block("```toml\n([^`]*)```");
  int blocks = 0;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), block);
       match != std::sregex_iterator(); ++match) {
    std::string toml = (*match)[1];
    if (toml.find("[[input]]") == std::string::npos) toml += minimal;
    (void)parse_loop_config(toml, "docs/loop.md", "robot", CurveKeyFiles::leave);
    ++blocks;
  }
  EXPECT_GE(blocks, 2);
}

}  // namespace
}  // namespace sluice::apps

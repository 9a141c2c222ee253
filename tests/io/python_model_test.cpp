// docs/examples/model_peer.py: the link as somebody else would speak it.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/io/child_process.h"
#include "tests/io/link_samples.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

std::string text_of(const std::string& file) {
  std::ifstream stream(std::string(SLUICE_SOURCE_DIR "/docs/") + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(PythonModel, IsTheOneInTheDocumentation) {
  const std::string program = text_of("examples/model_peer.py");
  ASSERT_FALSE(program.empty());
  EXPECT_NE(text_of("link.md").find("```python\n" + program + "```"), std::string::npos);
}

#ifdef SLUICE_PYTHON

/// Publishes until its feedback comes; what it printed first.
std::string answered(ControlLink& link, test::ChildProcess& peer) {
  using namespace std::chrono_literals;
  std::int64_t tick = 0;
  EXPECT_TRUE(test::eventually(
      [&] {
        test::publish(link, test::tick_packet(tick++));
        std::this_thread::sleep_for(20ms);
        return link.feedback() != nullptr;
      },
      30s));  // importing NumPy takes a while on a loaded machine
  return peer.read_line(10s).value_or("");
}

void expect_answer(ControlLink& link, const std::string& printed) {
  ASSERT_NE(link.feedback(), nullptr);
  const Feedback& feedback = link.feedback()->feedback;
  EXPECT_EQ(printed, std::to_string(feedback.tick) + " {'camera/features': (3, 16)}");
  EXPECT_EQ(feedback.stream, "sluice");
  EXPECT_EQ(feedback.episode, 0);
  ASSERT_EQ(feedback.sources.size(), 1U);
  EXPECT_EQ(feedback.sources[0].source, "camera");
  EXPECT_EQ(feedback.sources[0].semantic_attention, std::vector<float>(3, 1.0F));
  EXPECT_TRUE(feedback.model_latency_ms.has_value());
  EXPECT_EQ(link.counts().malformed, 0);
}

const std::string program = SLUICE_SOURCE_DIR "/docs/examples/model_peer.py";

TEST(PythonModel, GetsPacketsAndIsHeard) {
  ControlLink link(test::any_ports());
  test::ChildProcess peer(
      {SLUICE_PYTHON, "-B", program, link.packets_endpoint(), link.feedback_endpoint()});
  expect_answer(link, answered(link, peer));
}

TEST(PythonModel, SpeaksCurve) {
  const test::TemporaryFolder folder;
  const CurveKeys loop = make_curve_keys(), model = make_curve_keys();
  write_curve_keys(loop, folder.path() / "loop");
  write_curve_keys(model, folder.path() / "model");
  ControlLinkOptions options = test::any_ports();
  options.curve = CurveServer{loop, {model.public_key}};
  ControlLink link(options);
  test::ChildProcess peer({SLUICE_PYTHON, "-B", program, link.packets_endpoint(),
                           link.feedback_endpoint(), folder.file("model.secret"),
                           folder.file("loop.public")});
  expect_answer(link, answered(link, peer));
}

#else

TEST(PythonModel, GetsPacketsAndIsHeard) {
  GTEST_SKIP() << "no Python with numpy, safetensors and pyzmq: see SLUICE_PYTHON";
}

#endif

}  // namespace
}  // namespace sluice::stream

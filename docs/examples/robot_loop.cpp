// docs/examples/robot_loop.cpp
// 50 times a second, two cameras' tokens go to a model, as many as it has time for.
#include <sluice/policy/tick_engine.h>
#include <sluice/stream/io/control_link.h>
#include <sluice/stream/packet_encoder.h>

#include <iostream>
#include <thread>

using namespace sluice;
using namespace std::chrono_literals;

// Yours: the newest picture, through your vision encoder.
void look(stream::TokenBatch& view, std::int64_t tick) {
  for (float& value : view.features.as<float>()) value = static_cast<float>((tick += 37) % 101);
}
// Yours: the model's newest action [steps, joints], to the robot.
void act(const kernels::Tensor&) {}

stream::TokenBatch camera(const char* id) {
  stream::TokenBatch view;
  view.source.id = id;
  view.source.feature_width = 512;
  view.features.reshape(kernels::DType::f32, {256, 512});
  return view;
}

int main(int argc, char** argv) try {
  stream::ControlLinkOptions endpoints;
  if (argc == 3) endpoints.packets = argv[1], endpoints.feedback = argv[2];
  stream::ControlLink link(endpoints);
  std::cout << link.packets_endpoint() << ' ' << link.feedback_endpoint() << std::endl;

  policy::TickEngineOptions options;
  options.sources = {{.id = "front"}, {.id = "wrist", .floor = 16}};
  options.budget = {.controller = "deadline", .tokens = 192, .least = 32};
  kernels::Resources one_core(1);
  policy::TickEngine engine(one_core, options);
  stream::TokenBatch front = camera("front"), wrist = camera("wrist");
  const policy::TickSource views[] = {{.tokens = &front}, {.tokens = &wrist}};
  stream::Packet packet;
  stream::PacketEncoder encoder;

  auto next = std::chrono::steady_clock::now();
  for (std::int64_t tick = 0;; ++tick) {
    for (; auto* answer = link.feedback(); link.feedback_done())  // what is late is not applied
      if (engine.feedback(answer->feedback) == policy::FeedbackFate::applied)
        act(answer->feedback.action);
    look(front, tick), look(wrist, tick);
    if (engine.step({tick, 0.02 * double(tick), views}, 15ms, packet) == policy::TickStatus::ok)
      encoder.encode(packet, link.outgoing()), link.publish();  // no model can delay a tick
    if (tick % 50 == 49)
      std::cout << packet.kept << " of " << packet.available << " tokens, " << link.counts().sent
                << " packets sent, " << engine.feedback_counts().of(policy::FeedbackFate::applied)
                << " answers applied" << std::endl;
    std::this_thread::sleep_until(next += 20ms);
  }
} catch (const Error& error) {
  return std::cerr << error.what() << '\n', 1;
}

// The other end of a socket, in a process of its own that tests can kill.
//   io_peer pull  bind|connect ENDPOINT    prints each message's number
//   io_peer push  bind|connect ENDPOINT    pushes feature messages for ever
//   io_peer model PACKETS FEEDBACK         prints each packet's tick, thinks, and answers it
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include "kernels/error.h"
#include "stream/io/feature_sender.h"
#include "stream/io/message_receiver.h"
#include "stream/io/model_link.h"
#include "tests/io/feature_samples.h"
#include "tests/io/link_samples.h"
#include "tests/io/numbered_message.h"

namespace {

using namespace sluice;

void pull(const std::string& endpoint, stream::Attach attach) {
  stream::MessageReceiver receiver(endpoint, {.attach = attach});
  while (receiver.receive() == stream::ReceiveStatus::message) {
    std::printf("%lld\n", static_cast<long long>(test::number_of(receiver.bytes())));
    std::fflush(stdout);
  }
}

void push(const std::string& endpoint, stream::Attach attach) {
  stream::FeatureSender sender(endpoint, {.attach = attach});
  for (int i = 0;; ++i) {
    auto message = test::feature_message(i);
    if (sender.send(message) != stream::SendStatus::sent) return;
  }
}

void model(const std::string& packets, const std::string& feedback) {
  stream::ModelLink link({.packets = packets, .feedback = feedback});
  stream::Packet packet;
  while (link.receive(packet) == stream::ReceiveStatus::message) {
    std::printf("%lld\n", static_cast<long long>(packet.tick.value_or(-1)));
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    (void)link.send(test::feedback_on(packet.tick.value_or(-1)));
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  const std::string mode = arguments[1], second = arguments[2], third = arguments[3];
  const auto attach =
      second == "bind" ? sluice::stream::Attach::bind : sluice::stream::Attach::connect;
  try {
    if (mode == "model") {
      model(second, third);
    } else {
      (mode == "pull" ? pull : push)(third, attach);
    }
  } catch (const sluice::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

// The other end of a socket, in a process of its own that tests can kill.
//   io_peer pull  bind|connect ENDPOINT    prints each message's number
//   io_peer push  bind|connect ENDPOINT    pushes feature messages for ever
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "kernels/error.h"
#include "tests/io/numbered_message.h"

#include "stream/io/feature_sender.h"
#include "stream/io/message_receiver.h"
#include "tests/io/feature_samples.h"

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

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  const auto attach = std::strcmp(arguments[2], "bind") == 0 ? sluice::stream::Attach::bind
                                                             : sluice::stream::Attach::connect;
  try {
    (std::strcmp(arguments[1], "pull") == 0 ? pull : push)(arguments[3], attach);
  } catch (const sluice::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

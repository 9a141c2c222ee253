#include "stream/io/packet_receiver.h"

#include "kernels/error.h"

namespace sluice::stream {

PacketReceiver::PacketReceiver(const std::string& endpoint, const ReceiverOptions& options)
    : receiver_(endpoint, options) {}

ReceiveStatus PacketReceiver::receive(Packet& packet,
                                      std::optional<std::chrono::milliseconds> timeout,
                                      const std::atomic<bool>* stop) {
  ReceiveStatus status = receiver_.receive(timeout, stop);
  problem_ = receiver_.problem();
  if (status == ReceiveStatus::message) {
    try {
      packet = decode_packet(receiver_.bytes(), receiver_.endpoint());
    } catch (const Error& error) {
      problem_ = error.what();
      status = ReceiveStatus::malformed;
    }
  }
  if (status == ReceiveStatus::malformed) ++malformed_;
  return status;
}

}  // namespace sluice::stream

#include "stream/io/packet_sender.h"

namespace sluice::stream {
namespace {

std::int64_t unix_time_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

PacketSender::PacketSender(const std::string& endpoint, const SenderOptions& options)
    : sender_(endpoint, options), stamp_(options.stamp_wall_clock) {}

SendStatus PacketSender::send(Packet& packet, std::optional<std::chrono::milliseconds> timeout,
                              const std::atomic<bool>* stop) {
  if (stamp_) packet.sent_unix_ns = unix_time_ns();
  return sender_.send(encode(packet), timeout, stop);
}

bool PacketSender::try_send(Packet& packet) {
  if (!sender_.has_room()) return false;
  if (stamp_) packet.sent_unix_ns = unix_time_ns();
  return sender_.try_send(encode(packet));
}

}  // namespace sluice::stream

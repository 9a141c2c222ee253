// Encodes one packet after another without going to the heap: for the tick's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stream/packet.h"

namespace sluice::stream {

/// The bytes are those of encode(), whatever the packet.
class PacketEncoder {
 public:
  PacketEncoder();
  PacketEncoder(PacketEncoder&&) noexcept;
  PacketEncoder& operator=(PacketEncoder&&) noexcept;
  ~PacketEncoder();

  /// For packets of up to so many bytes of features and columns: a blob then gets, and touches, the
  /// memory for the largest of them when it is filled for the first time.
  void reserve(std::size_t token_bytes) noexcept;
  /// Fills `blob`, reusing its memory. Allocates only where a packet is larger, or has more or
  /// longer names, than any before. Throws sluice::Error for inconsistent packets.
  void encode(const Packet& packet, std::vector<std::byte>& blob);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream

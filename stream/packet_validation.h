// Whether the parts of a packet fit each other.
#pragma once

#include <string_view>
#include <vector>

#include "stream/packet.h"

namespace sluice::stream {

/// Throws sluice::Error, naming `where`, for what no packet may be: negative or contradicting
/// counts, half a segment, invalid batches, a source twice. `ids` is scratch memory: a valid packet
/// allocates nothing but that.
void validate(const Packet& packet, std::string_view where, std::vector<std::string_view>& ids);

}  // namespace sluice::stream

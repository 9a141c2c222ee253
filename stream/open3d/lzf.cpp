#include "stream/open3d/lzf.h"

#include <cstdint>

namespace sluice::stream {

bool unpack_lzf(std::string_view packed, std::size_t size, std::string& unpacked) {
  unpacked.clear();
  std::size_t at = 0;
  const auto left = [&] { return packed.size() - at; };
  const auto next = [&] { return static_cast<std::uint8_t>(packed[at++]); };
  while (at < packed.size()) {
    const std::size_t control = next();
    if (control < 32) {  // a run of bytes as they are
      const std::size_t length = control + 1;
      if (length > left() || length > size - unpacked.size()) return false;
      unpacked.append(packed.substr(at, length));
      at += length;
      continue;
    }
    // A repetition of what was unpacked `distance` bytes ago; it may overlap itself.
    std::size_t length = control >> 5;
    if (length == 7) {
      if (left() == 0) return false;
      length += next();
    }
    if (left() == 0) return false;
    const std::size_t distance = ((control & 31) << 8) + next() + 1;
    length += 2;
    if (distance > unpacked.size() || length > size - unpacked.size()) return false;
    for (std::size_t i = 0; i < length; ++i)
      unpacked.push_back(unpacked[unpacked.size() - distance]);
  }
  return unpacked.size() == size;
}

}  // namespace sluice::stream

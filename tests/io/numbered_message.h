// Messages of any size that carry a number, to see which of them arrive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace sluice::test {

inline std::vector<std::byte> numbered(std::int64_t number, std::size_t size = 64) {
  std::vector<std::byte> message(size < sizeof number ? sizeof number : size);
  std::memcpy(message.data(), &number, sizeof number);
  return message;
}

inline std::int64_t number_of(std::span<const std::byte> message) {
  std::int64_t number = -1;
  if (message.size() >= sizeof number) std::memcpy(&number, message.data(), sizeof number);
  return number;
}

}  // namespace sluice::test

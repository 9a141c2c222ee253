// Runs the blocks of a launch, a few at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/cuda_emulation/cuda_runtime.h"

namespace sluice::cuda_emulation {

struct Launch {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  std::function<void()> thread;  ///< what each thread does
};

/// Returns what went wrong; empty if nothing did. After an error the launch is abandoned.
[[nodiscard]] std::string run_grid(const Launch& launch, std::uint64_t seed);

/// The byte that fresh memory is filled with: NaN as a floating-point number, or for odd seeds a
/// large one.
[[nodiscard]] constexpr unsigned char pattern(std::uint64_t seed) {
  return seed % 2 == 0 ? 0xff : 0x7b;
}

}  // namespace sluice::cuda_emulation

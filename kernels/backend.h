// What computes: the CPU, or a CUDA device where one can be used. One binary runs with and without.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::kernels {

enum class Backend : std::uint8_t { cpu, cuda };
enum class BackendRequest : std::uint8_t { automatic, cpu, cuda };

[[nodiscard]] std::string_view name(Backend backend) noexcept;

/// "auto", "cpu" or "cuda". Throws sluice::Error (kind input), naming `where`, for anything else.
[[nodiscard]] BackendRequest parse_backend(std::string_view text, std::string_view where);
/// What `option` says or, if it is empty, the environment variable SLUICE_BACKEND; auto if both are
/// silent.
[[nodiscard]] BackendRequest requested_backend(std::string_view option = {});

struct BackendChoice {
  Backend backend = Backend::cpu;
  int device = 0;      ///< of CUDA
  std::string reason;  ///< why it is not CUDA although it could have been; else empty
};

/// The backend to use. Throws sluice::Error (kind system) that says what is in the way if CUDA was
/// asked for and can't be had; with `automatic`, that is the choice's reason, and the CPU is used.
[[nodiscard]] BackendChoice choose_backend(BackendRequest request, int device = 0);

}  // namespace sluice::kernels

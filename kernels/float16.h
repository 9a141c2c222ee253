// The two 16-bit storage types and their exact conversions to and from f32.
#pragma once

#include <bit>
#include <cstdint>

namespace sluice::kernels {

/// IEEE 754 binary16, storage only.
struct Half {
  std::uint16_t bits;
};

/// bfloat16: the upper half of an f32, storage only.
struct Bfloat16 {
  std::uint16_t bits;
};

[[nodiscard]] constexpr float to_float(Bfloat16 value) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

[[nodiscard]] constexpr float to_float(Half value) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t magnitude = value.bits & 0x7fffu;
  if (magnitude >= 0x7c00u)  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  if (magnitude >= 0x400u)  // normal: rebias the exponent from 15 to 127
    return std::bit_cast<float>(sign | ((magnitude << 13) + (112u << 23)));
  // Subnormal: an integer count of 2^-24, which f32 holds exactly.
  const float unsigned_value = static_cast<float>(magnitude) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(unsigned_value));
}

/// Rounds to nearest, ties to even; NaN stays NaN.
[[nodiscard]] constexpr Bfloat16 to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

/// Rounds to nearest, ties to even; overflows to infinity; NaN stays NaN.
[[nodiscard]] constexpr Half to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const auto with_sign = [sign](std::uint32_t half_bits) {
    return Half{static_cast<std::uint16_t>(sign | half_bits)};
  };
  if (magnitude > 0x7f800000u) return with_sign(0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return with_sign(0x7c00u);  // 65520 and above round to infinity
  if (magnitude >= 0x38800000u) {                           // normal in binary16
    const std::uint32_t rebiased = magnitude - (112u << 23);
    return with_sign((rebiased + 0xfffu + ((rebiased >> 13) & 1u)) >> 13);
  }
  // Subnormal: adding 0.5 lets the f32 adder do the rounding at 2^-24.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  return with_sign(std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5f));
}

}  // namespace sluice::kernels

// The number types of cloud files.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::stream {

enum class ScalarType : std::uint8_t { i8, u8, i16, u16, i32, u32, f32, f64 };

[[nodiscard]] constexpr std::size_t size_of(ScalarType type) noexcept {
  switch (type) {
    case ScalarType::i8:
    case ScalarType::u8: return 1;
    case ScalarType::i16:
    case ScalarType::u16: return 2;
    case ScalarType::i32:
    case ScalarType::u32:
    case ScalarType::f32: return 4;
    case ScalarType::f64: return 8;
  }
  return 0;
}

[[nodiscard]] constexpr bool is_float(ScalarType type) noexcept {
  return type == ScalarType::f32 || type == ScalarType::f64;
}

/// A number that lies at `bytes`, of the machine's byte order or of the other.
template <typename T>
[[nodiscard]] T load_as(const char* bytes, bool swap) noexcept {
  char raw[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i) raw[i] = bytes[swap ? sizeof(T) - 1 - i : i];
  T value;
  std::memcpy(&value, raw, sizeof(T));
  return value;
}

/// Every type fits a double.
[[nodiscard]] inline double load_scalar(const char* bytes, ScalarType type, bool swap) noexcept {
  switch (type) {
    case ScalarType::i8: return load_as<std::int8_t>(bytes, swap);
    case ScalarType::u8: return load_as<std::uint8_t>(bytes, swap);
    case ScalarType::i16: return load_as<std::int16_t>(bytes, swap);
    case ScalarType::u16: return load_as<std::uint16_t>(bytes, swap);
    case ScalarType::i32: return load_as<std::int32_t>(bytes, swap);
    case ScalarType::u32: return load_as<std::uint32_t>(bytes, swap);
    case ScalarType::f32: return static_cast<double>(load_as<float>(bytes, swap));
    case ScalarType::f64: return load_as<double>(bytes, swap);
  }
  return 0;
}

/// A colour in 0 … 255: floats count to 1, bytes to 255, longer whole numbers to 65535.
[[nodiscard]] inline std::uint8_t colour_byte(double value, ScalarType type) noexcept {
  const double most = is_float(type) ? 1 : size_of(type) == 1 ? 255 : 65535;
  if (!(value > 0)) return 0;  // NaN too
  return static_cast<std::uint8_t>(std::lround(std::min(value / most, 1.0) * 255));
}

}  // namespace sluice::stream

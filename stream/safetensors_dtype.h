// The element types of safetensors files, and which of them the library has.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/tensor.h"

namespace sluice::stream {

struct StoredType {
  std::string_view name;
  std::int64_t bits;                    ///< of one element; the four- and six-bit types are packed
  std::optional<kernels::DType> dtype;  ///< none: such a tensor can be skipped but not viewed
};

inline constexpr std::array stored_types{
    StoredType{"F32", 32, kernels::DType::f32},
    StoredType{"F16", 16, kernels::DType::f16},
    StoredType{"BF16", 16, kernels::DType::bf16},
    StoredType{"F64", 64, kernels::DType::f64},
    StoredType{"I32", 32, kernels::DType::i32},
    StoredType{"I64", 64, kernels::DType::i64},
    StoredType{"U8", 8, kernels::DType::u8},
    StoredType{"BOOL", 8, kernels::DType::boolean},
    StoredType{"I8", 8, std::nullopt},
    StoredType{"I16", 16, std::nullopt},
    StoredType{"U16", 16, std::nullopt},
    StoredType{"U32", 32, std::nullopt},
    StoredType{"U64", 64, std::nullopt},
    StoredType{"C64", 64, std::nullopt},
    StoredType{"F8_E4M3", 8, std::nullopt},
    StoredType{"F8_E4M3FNUZ", 8, std::nullopt},
    StoredType{"F8_E5M2", 8, std::nullopt},
    StoredType{"F8_E5M2FNUZ", 8, std::nullopt},
    StoredType{"F8_E8M0", 8, std::nullopt},
    StoredType{"F6_E2M3", 6, std::nullopt},
    StoredType{"F6_E3M2", 6, std::nullopt},
    StoredType{"F4", 4, std::nullopt},
};

/// Null if no such type is known.
[[nodiscard]] constexpr const StoredType* find_stored_type(std::string_view name) noexcept {
  for (const StoredType& type : stored_types)
    if (type.name == name) return &type;
  return nullptr;
}

[[nodiscard]] constexpr std::string_view stored_name(kernels::DType dtype) noexcept {
  for (const StoredType& type : stored_types)
    if (type.dtype == dtype) return type.name;
  return {};
}

inline constexpr std::string_view viewable_type_names = "F32, F16, BF16, F64, I32, I64, U8 or BOOL";

}  // namespace sluice::stream

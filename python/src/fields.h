// Options out of Python's dataclasses, with errors that name the field.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernels/error.h"

namespace sluice::python {

template <typename T>
constexpr const char* expectation() {
  if constexpr (std::is_same_v<T, bool>)
    return "True or False";
  else if constexpr (std::is_integral_v<T>)
    return "a whole number of at most 64 bits";
  else if constexpr (std::is_floating_point_v<T>)
    return "a number";
  else
    return "a string";
}

/// Throws sluice::Error naming `name` if the value is of another type.
template <typename T>
[[nodiscard]] T value_of(nanobind::handle value, const char* name) {
  T result{};
  // A bool would pass for a number, and a number for a bool.
  const bool fits = std::is_same_v<T, bool> == static_cast<bool>(PyBool_Check(value.ptr())) &&
                    nanobind::try_cast(value, result);
  if (!fits)
    throw input_error(name, concat("is ", nanobind::repr(value).c_str()), expectation<T>());
  return result;
}

template <typename T>
[[nodiscard]] T field(nanobind::handle object, const char* name) {
  return value_of<T>(object.attr(name), name);
}

/// None is none.
template <typename T>
[[nodiscard]] std::optional<T> optional_field(nanobind::handle object, const char* name) {
  const nanobind::object value = object.attr(name);
  if (value.is_none()) return std::nullopt;
  return value_of<T>(value, name);
}

/// One of a few words.
template <typename T>
[[nodiscard]] T choice(nanobind::handle value, const char* name,
                       std::initializer_list<std::pair<std::string_view, T>> choices) {
  std::string known;
  const bool is_word = PyUnicode_Check(value.ptr());
  for (const auto& [word, meaning] : choices) {
    if (is_word && nanobind::cast<std::string>(value) == word) return meaning;
    known.append(known.empty() ? "'" : ", '").append(word).append("'");
  }
  throw input_error(name, concat("is ", nanobind::repr(value).c_str()), known);
}

}  // namespace sluice::python

#include "apps/loop/config_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/loop/nearest_name.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

Error wrong_kind(const TomlValue& value, std::string_view where, std::string_view expected) {
  const std::string text = shown(value);
  const std::string_view kind = kind_name(value);
  return input_error(where, text == kind ? text : fmt::format("{}, {}", text, kind), expected);
}

}  // namespace

bool Limits::contain(double value) const noexcept {
  return std::isfinite(value) && (low_is_open ? value > low : value >= low) &&
         (high_is_open ? value < high : value <= high);
}

std::string Limits::text() const {
  const auto end = [](double value) { return fmt::format("{}", value); };
  std::string bounds;
  if (std::isinf(high)) {
    bounds = std::isinf(low) ? "any" : (low_is_open ? "> " : "≥ ") + end(low);
  } else {
    bounds = fmt::format("{}{}, {}{}", low_is_open ? '(' : '[', end(low), end(high),
                         high_is_open ? ')' : ']');
  }
  return unit.empty() ? bounds : unit + ", " + bounds;
}

Limits at_least(double low, std::string unit) {
  return {.unit = std::move(unit), .low = low};
}
Limits above(double low, std::string unit) {
  return {.unit = std::move(unit), .low = low, .low_is_open = true};
}
Limits between(double low, double high, std::string unit) {
  return {.unit = std::move(unit), .low = low, .high = high};
}

bool read_flag(const TomlValue& value, std::string_view where) {
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag;
  throw wrong_kind(value, where, "true or false");
}

std::int64_t read_whole(const TomlValue& value, std::string_view where, const Limits& limits) {
  const auto* whole = std::get_if<std::int64_t>(&value.value);
  if (whole == nullptr) throw wrong_kind(value, where, "a whole number, " + limits.text());
  if (!limits.contain(static_cast<double>(*whole)))
    throw input_error(where, shown(value), limits.text());
  return *whole;
}

double read_number(const TomlValue& value, std::string_view where, const Limits& limits) {
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value.value))
    number = static_cast<double>(*whole);
  else if (const auto* real = std::get_if<double>(&value.value))
    number = *real;
  else
    throw wrong_kind(value, where, "a number, " + limits.text());
  if (!limits.contain(number)) throw input_error(where, shown(value), limits.text());
  return number;
}

std::string read_text(const TomlValue& value, std::string_view where, std::string_view expected) {
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr) throw wrong_kind(value, where, fmt::format("a text: {}", expected));
  // No name, path or address holds one, and a path would end there.
  if (text->find('\0') != std::string::npos)
    throw input_error(where, "a text with a zero character", expected);
  return *text;
}

std::string read_numbers(const TomlValue& value, std::string_view where, std::size_t count,
                         bool are_whole, const Limits& limits) {
  const auto* list = std::get_if<TomlArray>(&value.value);
  const std::string expected = fmt::format("a list of {} {}: {}", count,
                                           are_whole ? "whole numbers" : "numbers", limits.text());
  if (list == nullptr) throw wrong_kind(value, where, expected);
  if (list->size() != count)
    throw input_error(where, fmt::format("a list of {}", list->size()), expected);
  std::string numbers;
  for (const TomlValue& element : *list) {
    if (!numbers.empty()) numbers += ',';
    numbers += are_whole ? show_number(read_whole(element, where, limits))
                         : show_number(read_number(element, where, limits));
  }
  return numbers;
}

std::size_t read_choice(const TomlValue& value, std::string_view where,
                        const std::vector<std::string_view>& names) {
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr) throw wrong_kind(value, where, alternatives(names));
  const auto found = std::find(names.begin(), names.end(), *text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const std::vector<std::string> texts(names.begin(), names.end());
  const std::string meant = nearest_name(*text, texts);
  throw input_error(
      where,
      meant.empty() ? shown(value) : fmt::format("{}, did you mean \"{}\"?", shown(value), meant),
      alternatives(names));
}

std::string show_number(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string show_number(double value) {
  return fmt::format("{}", value);
}

std::string alternatives(const std::vector<std::string_view>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += fmt::format("\"{}\"", names[i]);
  }
  return text;
}

}  // namespace sluice::apps

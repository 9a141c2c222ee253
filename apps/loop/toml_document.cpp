#include "apps/loop/toml_document.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>

#include "kernels/error.h"
#include "stream/json.h"

namespace sluice::apps {
namespace {

std::int64_t line_of(const toml::source_region& source) noexcept {
  return source.begin.line;
}

TomlValue plain(const toml::node& node);

TomlTable plain_table(const toml::table& table) {
  TomlTable entries;
  for (const auto& [key, node] : table)
    entries.push_back({std::string(key.str()), line_of(key.source()), plain(node)});
  // toml++ sorts by key.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const TomlEntry& a, const TomlEntry& b) { return a.line < b.line; });
  return entries;
}

TomlValue plain(const toml::node& node) {
  TomlValue value{line_of(node.source()), TomlTime{}};
  if (const auto* truth = node.as_boolean()) {
    value.value = truth->get();
  } else if (const auto* whole = node.as_integer()) {
    value.value = whole->get();
  } else if (const auto* number = node.as_floating_point()) {
    value.value = number->get();
  } else if (const auto* text = node.as_string()) {
    value.value = text->get();
  } else if (const auto* array = node.as_array()) {
    TomlArray elements;
    for (const toml::node& element : *array) elements.push_back(plain(element));
    value.value = std::move(elements);
  } else if (const auto* table = node.as_table()) {
    value.value = plain_table(*table);
  }
  return value;
}

}  // namespace

TomlTable parse_toml(std::string_view text, std::string_view where) {
  try {
    return plain_table(toml::parse(text, where));
  } catch (const toml::parse_error& error) {
    throw input_error(fmt::format("{}:{}", where, line_of(error.source())), error.description(),
                      "TOML, see https://toml.io");
  }
}

std::string_view kind_name(const TomlValue& value) noexcept {
  constexpr std::array<std::string_view, 7> names{
      "true or false", "a whole number", "a number", "a text", "a list", "a table", "a time"};
  return names[value.value.index()];
}

std::string shown(const TomlValue& value) {
  if (const auto* truth = std::get_if<bool>(&value.value)) return *truth ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value.value)) return fmt::format("{}", *whole);
  if (const auto* number = std::get_if<double>(&value.value)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&value.value)) return stream::in_quotes(*text);
  return std::string(kind_name(value));
}

std::string shown_key(std::string_view key) {
  const bool is_bare =
      !key.empty() && key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
      });
  return is_bare ? std::string(key) : stream::in_quotes(key);
}

}  // namespace sluice::apps

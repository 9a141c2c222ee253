#include "apps/loop/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/loop/nearest_name.h"

namespace sluice::apps {

std::string ConfigTable::place(const std::string& key) const {
  const auto given = lines.find(key);
  const std::int64_t at = given != lines.end() ? given->second : line;
  return fmt::format("{}{}: {}{}{}", file, at > 0 ? fmt::format(":{}", at) : "", name,
                     name.empty() ? "" : ".", key);
}

std::string ConfigTable::place_of_first(std::initializer_list<const char*> keys) const {
  for (const char* key : keys)
    if (lines.contains(key)) return place(key);
  return place(*keys.begin());
}

namespace detail {
namespace {

std::string_view last_part(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

/// What was meant: a neighbour's name, or else the same name in another table.
std::string meant_key(std::string_view key, const std::vector<std::string>& siblings,
                      KnownKeys known) {
  std::string meant = nearest_name(key, siblings);
  if (!meant.empty()) return meant;
  for (const std::string& candidate : known)
    if (last_part(candidate) == key) return candidate;
  return {};
}

}  // namespace

Error unknown_key(std::string_view where, std::string_view key,
                  const std::vector<std::string>& siblings, KnownKeys known) {
  const std::string meant = meant_key(key, siblings, known);
  return input_error(
      where, meant.empty() ? "unknown key" : fmt::format("unknown key, did you mean {}?", meant),
      fmt::format("one of {}", fmt::join(siblings, ", ")));
}

std::vector<std::string> members(const std::vector<std::string>& names, std::string_view prefix) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (!name.starts_with(prefix)) continue;
    std::string member = name.substr(prefix.size());
    member.resize(std::min(member.size(), member.find('.')));
    if (std::find(found.begin(), found.end(), member) == found.end())
      found.push_back(std::move(member));
  }
  return found;
}

const TomlTable& as_table(const TomlValue& value, std::string_view where, std::string_view name) {
  if (const auto* table = std::get_if<TomlTable>(&value.value)) return *table;
  throw input_error(where, shown(value), fmt::format("a table, [{}]", name));
}

}  // namespace detail
}  // namespace sluice::apps

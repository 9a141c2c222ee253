// From tables of a TOML document to structs, key by key, with errors that name file, line and key.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/loop/config_key.h"
#include "apps/loop/toml_document.h"
#include "kernels/error.h"

namespace sluice::apps {

/// A table of the file, and where the keys stand that were read from it: for checks that look at
/// several keys.
struct ConfigTable {
  std::string file;
  std::string name;                           ///< "input.memory"; empty: the root
  std::int64_t line = 0;                      ///< of the table; 0: there is none in the file
  std::map<std::string, std::int64_t> lines;  ///< of each key that is given

  /// "loop.toml:12: budget.tokens". A key that is not given stands where its table does.
  [[nodiscard]] std::string place(const std::string& key) const;
  /// Of the first one that is given: the one to blame.
  [[nodiscard]] std::string place_of_first(std::initializer_list<const char*> keys) const;
};

/// Every key that the file may hold anywhere, in full: for suggestions.
using KnownKeys = std::span<const std::string>;

namespace detail {

[[nodiscard]] Error unknown_key(std::string_view where, std::string_view key,
                                const std::vector<std::string>& siblings, KnownKeys known);
/// What may stand in the table `prefix`, "budget." of "budget.tokens" and "budget.latency.window":
/// tokens and latency.
[[nodiscard]] std::vector<std::string> members(const std::vector<std::string>& names,
                                               std::string_view prefix);
[[nodiscard]] const TomlTable& as_table(const TomlValue& value, std::string_view where,
                                        std::string_view name);

template <typename Owner>
void read_entries(const TomlTable& entries, const std::string& prefix,
                  const ConfigKeys<Owner>& keys, const std::vector<std::string>& names,
                  std::span<const std::string> others, KnownKeys known, ConfigTable& table,
                  Owner& owner) {
  for (const TomlEntry& entry : entries) {
    if (std::find(others.begin(), others.end(), prefix + entry.key) != others.end()) continue;
    const std::string name = prefix + shown_key(entry.key);
    table.lines[name] = entry.line;
    const std::string where = table.place(name);
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&](const auto& candidate) { return candidate.name == name; });
    if (key != keys.end())
      key->read(entry.value, where, owner);
    else if (!members(names, name + '.').empty())
      read_entries(as_table(entry.value, where, name), name + '.', keys, names, others, known,
                   table, owner);
    else
      throw unknown_key(where, entry.key, members(names, prefix), known);
  }
}

}  // namespace detail

/// Reads what `table` names. `others`: tables in it that someone else reads. Throws sluice::Error
/// (kind input) for unknown keys, bad values and required keys that are missing.
template <typename Owner>
void read_table(const TomlTable& entries, const ConfigKeys<Owner>& keys,
                std::span<const std::string> others, KnownKeys known, ConfigTable& table,
                Owner& owner) {
  std::vector<std::string> names;
  for (const auto& key : keys) names.push_back(key.name);
  names.insert(names.end(), others.begin(), others.end());
  detail::read_entries(entries, "", keys, names, others, known, table, owner);
  for (const auto& key : keys)
    if (key.is_required && !table.lines.contains(key.name))
      throw input_error(table.place(key.name), "is missing", key.range);
}

}  // namespace sluice::apps

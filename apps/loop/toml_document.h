// A TOML document as plain values that know the line they stand on, so that whoever reads them can
// say where something is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice::apps {

struct TomlValue;
struct TomlEntry;
using TomlArray = std::vector<TomlValue>;
/// In the order of the file. No key is there twice.
using TomlTable = std::vector<TomlEntry>;
/// Dates and times: TOML has them, no key of ours does.
struct TomlTime {};

struct TomlValue {
  std::int64_t line = 0;  ///< from 1
  std::variant<bool, std::int64_t, double, std::string, TomlArray, TomlTable, TomlTime> value;
};

struct TomlEntry {
  std::string key;
  std::int64_t line = 0;
  TomlValue value;
};

/// Throws sluice::Error (kind input), "loop.toml:3: …", for text that is not TOML 1.0.
[[nodiscard]] TomlTable parse_toml(std::string_view text, std::string_view where);

/// What a value is, in a sentence: `a text`, `a whole number`.
[[nodiscard]] std::string_view kind_name(const TomlValue& value) noexcept;
/// The value as a person would write it, cut where it is long; for error messages.
[[nodiscard]] std::string shown(const TomlValue& value);
/// A key for an error message: as it is if it needs no quotes in TOML, else in quotes.
[[nodiscard]] std::string shown_key(std::string_view key);

}  // namespace sluice::apps

// The keys of a config file as data: how the value of each is read, checked, shown and explained.
// One table of keys serves the reader, its errors, the settings hash and the documentation.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "apps/loop/toml_document.h"

namespace sluice::apps {

/// What a number may be.
struct Limits {
  std::string unit;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_is_open = false, high_is_open = false;  ///< whether the end itself is excluded

  [[nodiscard]] bool contain(double value) const noexcept;
  /// "tokens, ≥ 1", "share, (0, 1]".
  [[nodiscard]] std::string text() const;
};
[[nodiscard]] Limits at_least(double low, std::string unit);
[[nodiscard]] Limits above(double low, std::string unit);
[[nodiscard]] Limits between(double low, double high, std::string unit);

/// Whether a key decides which tokens are kept: only then is it among the settings.
enum class Decides : bool { no, yes };

template <typename Owner>
struct ConfigKey {
  std::string name;  ///< tables and key, from the owner's table on: "latency.window"
  std::string range;
  std::string meaning;
  Decides decides = Decides::yes;
  bool is_required = false;
  bool is_text = false;  ///< shown in quotes in TOML
  /// Throws sluice::Error naming `where` for a value of the wrong kind or out of range.
  std::function<void(const TomlValue& value, std::string_view where, Owner& owner)> read;
  /// Nothing if it is not set.
  std::function<std::optional<std::string>(const Owner& owner)> show;
};
template <typename Owner>
using ConfigKeys = std::vector<ConfigKey<Owner>>;

/// Of a value's kind or nothing; a whole number is a number, too.
[[nodiscard]] bool read_flag(const TomlValue& value, std::string_view where);
[[nodiscard]] std::int64_t read_whole(const TomlValue& value, std::string_view where,
                                      const Limits& limits);
[[nodiscard]] double read_number(const TomlValue& value, std::string_view where,
                                 const Limits& limits);
[[nodiscard]] std::string read_text(const TomlValue& value, std::string_view where,
                                    std::string_view expected);
/// A list of so many numbers, as "14,14".
[[nodiscard]] std::string read_numbers(const TomlValue& value, std::string_view where,
                                       std::size_t count, bool are_whole, const Limits& limits);
[[nodiscard]] std::size_t read_choice(const TomlValue& value, std::string_view where,
                                      const std::vector<std::string_view>& names);
[[nodiscard]] std::string show_number(std::int64_t value);
[[nodiscard]] std::string show_number(double value);
/// `"a" or "b"`.
[[nodiscard]] std::string alternatives(const std::vector<std::string_view>& names);

namespace detail {

template <typename T>
struct Unwrapped {
  using type = T;
};
template <typename T>
struct Unwrapped<std::optional<T>> {
  using type = T;
};
template <typename T>
constexpr bool is_optional = !std::is_same_v<typename Unwrapped<T>::type, T>;

/// Shows the value that is there with `show`.
template <typename T, typename Show>
std::optional<std::string> if_set(const T& value, Show show) {
  if constexpr (is_optional<T>) {
    if (!value) return std::nullopt;
    return show(*value);
  } else {
    return show(value);
  }
}

}  // namespace detail

/// A whole or real number, a duration in whole milliseconds, or one of these that may be absent.
template <typename Owner, typename T>
ConfigKey<Owner> number_key(std::string name, T Owner::*member, Limits limits, std::string meaning,
                            Decides decides = Decides::yes) {
  using Number = typename detail::Unwrapped<T>::type;
  ConfigKey<Owner> key{std::move(name), limits.text(), std::move(meaning), decides, {}, {}, {}, {}};
  key.read = [member, limits](const TomlValue& value, std::string_view where, Owner& owner) {
    if constexpr (std::floating_point<Number>)
      owner.*member = read_number(value, where, limits);
    else
      owner.*member = static_cast<Number>(read_whole(value, where, limits));
  };
  key.show = [member](const Owner& owner) {
    return detail::if_set(owner.*member, [](const Number& number) {
      if constexpr (std::floating_point<Number>)
        return show_number(number);
      else if constexpr (std::integral<Number>)
        return show_number(static_cast<std::int64_t>(number));
      else
        return show_number(static_cast<std::int64_t>(number.count()));
    });
  };
  return key;
}

/// A whole number that is kept in another unit: `factor` of them are one of the file's.
template <typename Owner>
ConfigKey<Owner> scaled_key(std::string name, std::int64_t Owner::*member, std::int64_t factor,
                            const Limits& limits, std::string meaning, Decides decides) {
  ConfigKey<Owner> key{std::move(name), limits.text(), std::move(meaning), decides, {}, {}, {}, {}};
  key.read = [=](const TomlValue& value, std::string_view where, Owner& owner) {
    owner.*member = read_whole(value, where, limits) * factor;
  };
  key.show = [=](const Owner& owner) { return show_number(owner.*member / factor); };
  return key;
}

template <typename Owner>
ConfigKey<Owner> flag_key(std::string name, bool Owner::*member, std::string meaning,
                          Decides decides = Decides::yes) {
  ConfigKey<Owner> key{
      std::move(name), "true or false", std::move(meaning), decides, {}, {}, {}, {}};
  key.read = [member](const TomlValue& value, std::string_view where, Owner& owner) {
    owner.*member = read_flag(value, where);
  };
  key.show = [member](const Owner& owner) -> std::string {
    return owner.*member ? "true" : "false";
  };
  return key;
}

/// A text or a path, or one that may be absent. An empty path is one that is not set.
template <typename Owner, typename T>
ConfigKey<Owner> text_key(std::string name, T Owner::*member, std::string range,
                          std::string meaning, Decides decides) {
  using Text = typename detail::Unwrapped<T>::type;
  ConfigKey<Owner> key{std::move(name), range, std::move(meaning), decides, {}, true, {}, {}};
  key.read = [member, range](const TomlValue& value, std::string_view where, Owner& owner) {
    owner.*member = read_text(value, where, range);
  };
  key.show = [member](const Owner& owner) -> std::optional<std::string> {
    if constexpr (std::is_same_v<Text, std::filesystem::path>)
      if ((owner.*member).empty()) return std::nullopt;
    return detail::if_set(owner.*member, [](const Text& text) { return std::string(text); });
  };
  return key;
}

/// Exactly `count` numbers, kept as "14,14".
template <typename Owner>
ConfigKey<Owner> list_key(std::string name, std::optional<std::string> Owner::*member,
                          std::size_t count, bool are_whole, const Limits& limits,
                          std::string range, std::string meaning) {
  ConfigKey<Owner> key{
      std::move(name), std::move(range), std::move(meaning), Decides::yes, {}, {}, {}, {}};
  key.read = [=](const TomlValue& value, std::string_view where, Owner& owner) {
    owner.*member = read_numbers(value, where, count, are_whole, limits);
  };
  key.show = [member](const Owner& owner) { return owner.*member; };
  return key;
}

/// One of some names.
template <typename Owner>
ConfigKey<Owner> choice_key(std::string name, std::string Owner::*member,
                            std::vector<std::string_view> names, std::string meaning,
                            Decides decides = Decides::yes) {
  ConfigKey<Owner> key{
      std::move(name), alternatives(names), std::move(meaning), decides, {}, true, {}, {}};
  key.read = [member, names](const TomlValue& value, std::string_view where, Owner& owner) {
    owner.*member = names[read_choice(value, where, names)];
  };
  key.show = [member](const Owner& owner) { return owner.*member; };
  return key;
}

/// Names for the values of another type.
template <typename Owner, typename T>
ConfigKey<Owner> named_values_key(std::string name, T Owner::*member,
                                  const std::vector<std::pair<std::string_view, T>>& choices,
                                  std::string meaning) {
  std::vector<std::string_view> names;
  for (const auto& choice : choices) names.push_back(choice.first);
  ConfigKey<Owner> key{
      std::move(name), alternatives(names), std::move(meaning), Decides::yes, {}, true, {}, {}};
  key.read = [=](const TomlValue& value, std::string_view where, Owner& owner) {
    owner.*member = choices[read_choice(value, where, names)].second;
  };
  key.show = [=](const Owner& owner) -> std::optional<std::string> {
    for (const auto& [choice, meant] : choices)
      if (owner.*member == meant) return std::string(choice);
    return std::nullopt;
  };
  return key;
}

template <typename Owner>
ConfigKey<Owner> required(ConfigKey<Owner> key) {
  key.is_required = true;
  return key;
}

/// The keys of a part as keys of its owner, in the table `table`; "": in the owner's own.
/// `part`: from an owner, const or not, to its part.
template <typename Owner, typename Part, typename Access>
void add_keys(ConfigKeys<Owner>& keys, const std::string& table, ConfigKeys<Part> parts,
              Access part) {
  for (ConfigKey<Part>& from : parts) {
    ConfigKey<Owner> key{table.empty() ? from.name : table + '.' + from.name,
                         std::move(from.range),
                         std::move(from.meaning),
                         from.decides,
                         from.is_required,
                         from.is_text,
                         {},
                         {}};
    key.read = [read = std::move(from.read), part](const TomlValue& value, std::string_view where,
                                                   Owner& owner) {
      read(value, where, part(owner));
    };
    key.show = [show = std::move(from.show), part](const Owner& owner) {
      return show(part(owner));
    };
    keys.push_back(std::move(key));
  }
}

}  // namespace sluice::apps

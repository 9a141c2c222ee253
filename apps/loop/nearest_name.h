// Which of some names a person may have meant.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice::apps {

/// Bytes to insert, delete or replace to turn one into the other (Levenshtein).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name nearest to `text`, ties to the first; empty if none is near: more than a third of it
/// would have to change.
[[nodiscard]] std::string nearest_name(std::string_view text, std::span<const std::string> names);

}  // namespace sluice::apps

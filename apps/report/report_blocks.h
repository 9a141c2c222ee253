// Pieces that the reports on videos and on 3-D recordings share. Private to the reports.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::report {

/// "1 frame", "2 frames"
[[nodiscard]] std::string plural(std::int64_t count, std::string_view noun);

/// Short facts below a heading. Escaped here.
[[nodiscard]] std::string fact_list(const std::vector<std::string>& facts);

/// A large number with what it means, and a line as long as its share of `whole`.
[[nodiscard]] std::string tile(std::string_view css_class, std::string_view label,
                               std::int64_t count, std::int64_t whole, std::string_view meaning);

/// One part of a whole.
struct Part {
  std::string_view css_class;
  std::int64_t count = 0;
  std::string meaning;  ///< behind the count: "dropped"
};
/// A bar that is split like the parts, and its key. Parts of 0 are in the key only.
[[nodiscard]] std::string split_bar(const std::vector<Part>& parts);

/// A small bar in a table.
[[nodiscard]] std::string meter(std::string_view css_class, double part, double whole);

/// The lines as a list, at most 200 of them; `nothing` if there are none. Escaped here.
[[nodiscard]] std::string note_list(const std::vector<std::string>& lines,
                                    std::string_view nothing);

[[nodiscard]] std::string settings_section(const std::map<std::string, std::string>& settings);
[[nodiscard]] std::string timings_section(const std::map<std::string, double>& stage_ms,
                                          std::int64_t frames, std::string_view noun = "frame");

}  // namespace sluice::report

// Numbers as people read them. All text is UTF-8.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::report {

/// "1,234,567"
[[nodiscard]] std::string count_text(std::int64_t value);
/// `part` of `whole` as "12.3 %", with one more digit below 1 %; "–" if there is no whole.
[[nodiscard]] std::string percent_text(double part, double whole);
/// Time within a recording: "3.24 s", "1:05.2", "2:03:04". `resolution` is the step that should
/// still be visible, in seconds.
[[nodiscard]] std::string time_text(double seconds, double resolution = 0.1);
/// A length of time: "830 µs", "12.3 ms", "4.56 s", "3 min 12 s", "2 h 05 min".
[[nodiscard]] std::string duration_text(double seconds);
/// A ratio or rate with three significant digits: "0.0123", "12.3", "1,230".
[[nodiscard]] std::string number_text(double value);

}  // namespace sluice::report

#include "apps/report/units.h"

#include <fmt/format.h>

#include <cmath>

namespace sluice::report {
namespace {

constexpr const char* thin_space = "\u202f";  // narrow and non-breaking: a number keeps its unit

}  // namespace

std::string count_text(std::int64_t value) {
  const std::string digits = fmt::format("{}", value);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool begins_group = (digits.size() - i) % 3 == 0;
    if (begins_group && i > 0 && digits[i - 1] != '-') out += ',';
    out += digits[i];
  }
  return out;
}

std::string percent_text(double part, double whole) {
  if (!(whole > 0) || !std::isfinite(part)) return "–";
  const double percent = 100.0 * part / whole;
  const int decimals = percent != 0 && std::abs(percent) < 1 ? 2 : 1;
  return fmt::format("{:.{}f}{}%", percent, decimals, thin_space);
}

std::string time_text(double seconds, double resolution) {
  if (!std::isfinite(seconds)) return "–";
  const int decimals = resolution >= 1 ? 0 : resolution >= 0.1 ? 1 : 2;
  const std::string sign = seconds < 0 ? "−" : "";
  // Rounded first, so that 59.96 becomes 1:00.0 and not 0:60.0.
  const double scale = std::pow(10.0, decimals);
  const double rounded = std::round(std::abs(seconds) * scale) / scale;
  if (rounded < 60) return fmt::format("{}{:.{}f}{}s", sign, rounded, decimals, thin_space);
  const auto minutes = static_cast<std::int64_t>(rounded / 60);
  const double rest = rounded - 60.0 * static_cast<double>(minutes);
  const int width = decimals == 0 ? 2 : 3 + decimals;
  if (minutes < 60) return fmt::format("{}{}:{:0{}.{}f}", sign, minutes, rest, width, decimals);
  return fmt::format("{}{}:{:02}:{:02.0f}", sign, minutes / 60, minutes % 60, std::floor(rest));
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "–";
  if (seconds < 0.001) return fmt::format("{:.0f}{}µs", seconds * 1e6, thin_space);
  if (seconds < 1) return fmt::format("{}{}ms", number_text(seconds * 1e3), thin_space);
  if (seconds < 60) return fmt::format("{}{}s", number_text(seconds), thin_space);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{0}{2}min {1:02}{2}s", whole / 60, whole % 60, thin_space);
  return fmt::format("{0}{2}h {1:02}{2}min", whole / 3600, whole / 60 % 60, thin_space);
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return "–";
  const double magnitude = std::abs(value);
  if (magnitude >= 99.95) return count_text(std::llround(value));
  if (magnitude >= 9.995) return fmt::format("{:.1f}", value);
  if (magnitude >= 0.9995 || magnitude == 0) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3g}", value);
}

}  // namespace sluice::report

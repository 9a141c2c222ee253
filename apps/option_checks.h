// Checks of option values, in words a person can use.
#pragma once

#include <cmath>
#include <cstdlib>
#include <string>

namespace sluice::apps {

/// For CLI11: empty if `text` is a number above 0, else what is wrong with it.
inline std::string above_zero(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end != text.c_str() && *end == '\0' && value > 0 ? ""
                                                          : text + ": expected a number above 0";
}

/// For CLI11: empty unless `text` is "nan", which every range lets pass.
inline std::string not_a_number(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + ": expected a number" : "";
}

/// For CLI11: empty if `text` is an endpoint that another process can reach.
inline std::string not_in_process(const std::string& text) {
  return text.rfind("inproc://", 0) == 0
             ? text + ": expected tcp:// or ipc://, no other process can reach this"
             : "";
}

/// For CLI11: empty if `text` is not.
inline std::string not_empty(const std::string& text) {
  return text.empty() ? "expected a name" : "";
}

}  // namespace sluice::apps

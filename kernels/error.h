// The one exception type of the library, thrown at set-up and at input boundaries.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sluice {

/// What went wrong, where, and what was expected instead.
///
/// `Kind::input` means the caller handed over something unusable (a command exits with 2);
/// `Kind::system` means the input was fine but the work could not be done (exit code 1).
class Error : public std::runtime_error {
 public:
  enum class Kind { input, system };

  Error(Kind kind, std::string_view where, std::string_view what, std::string_view expected = {})
      : std::runtime_error(compose(where, what, expected)), kind_(kind) {}

  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  static std::string compose(std::string_view where, std::string_view what,
                             std::string_view expected) {
    std::string text;
    text.append(where).append(": ").append(what);
    if (!expected.empty()) text.append("; expected ").append(expected);
    return text;
  }

  Kind kind_;
};

/// Bad input at `where` (a file, an option, an argument): `what` it is, and what was expected.
[[nodiscard]] inline Error input_error(std::string_view where, std::string_view what,
                                       std::string_view expected = {}) {
  return {Error::Kind::input, where, what, expected};
}

/// Valid input, but the work failed (disk full, peer gone, out of memory).
[[nodiscard]] inline Error system_error(std::string_view where, std::string_view what,
                                        std::string_view expected = {}) {
  return {Error::Kind::system, where, what, expected};
}

/// Joins its arguments into one string; for error messages only, so speed does not matter.
template <typename... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace sluice

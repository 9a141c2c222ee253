// Collects what went wrong on the way, one line per distinct problem.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::stream {

/// Bounded however often things go wrong: equal problems are counted, and after 32 different ones
/// the rest are summed up in one line.
class ProblemLog {
 public:
  void add(std::string_view problem);
  /// In order of first occurrence: "…" or "… (12 times)".
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  std::vector<std::pair<std::string, std::int64_t>> counts_;
  std::int64_t others_ = 0;
};

}  // namespace sluice::stream

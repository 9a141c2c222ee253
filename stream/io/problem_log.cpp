#include "stream/io/problem_log.h"

#include <algorithm>
#include <cstddef>

#include "kernels/error.h"

namespace sluice::stream {
namespace {
constexpr std::size_t max_distinct = 32;
}

void ProblemLog::add(std::string_view problem) {
  const auto known = std::find_if(counts_.begin(), counts_.end(),
                                  [&](const auto& entry) { return entry.first == problem; });
  if (known != counts_.end()) {
    ++known->second;
  } else if (counts_.size() < max_distinct) {
    counts_.emplace_back(problem, 1);
  } else {
    ++others_;
  }
}

std::vector<std::string> ProblemLog::notes() const {
  std::vector<std::string> lines;
  lines.reserve(counts_.size() + 1);
  for (const auto& [problem, count] : counts_) {
    lines.push_back(count == 1 ? problem : concat(problem, " (", count, " times)"));
  }
  if (others_ > 0) lines.push_back(concat(others_, " other problems"));
  return lines;
}

}  // namespace sluice::stream

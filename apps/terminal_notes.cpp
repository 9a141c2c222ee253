#include "apps/terminal_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace sluice::apps {

void print_notes(const std::vector<std::string>& notes) {
  constexpr std::size_t most = 8;
  for (std::size_t i = 0; i < std::min(most, notes.size()); ++i)
    fmt::print(stderr, "sluice: note: {}\n", notes[i]);
  if (notes.size() > most)
    fmt::print(stderr, "sluice: note: {} more in summary.json\n", notes.size() - most);
}

}  // namespace sluice::apps

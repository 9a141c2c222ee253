// Notes for whoever sits at the terminal.
#pragma once

#include <string>
#include <vector>

namespace sluice::apps {

/// A line each on standard error, and how many more summary.json has.
void print_notes(const std::vector<std::string>& notes);

}  // namespace sluice::apps

// Counts calls of operator new in this program. For tests that list allocation_counter.cpp.
#pragma once

#include <cstdint>

namespace sluice::test {

/// Whether they can be counted: sanitizers bring their own operator new.
bool counts_allocations();
/// So far, on all threads.
std::int64_t allocations();

}  // namespace sluice::test

// The page that loop_evidence writes: what is simulated, what is measured, tables.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "apps/sample/control_evidence.h"

namespace sluice::bench {

/// 50, 25 and 12.5 % of 256 tokens.
inline constexpr std::array<std::int64_t, 3> evidence_budgets = {128, 64, 32};

/// Of one seed: [budget][method].
using SeedResults = std::vector<std::vector<sample::ControlResult>>;

struct EvidenceSetting {
  const char* title;
  std::vector<std::string> shots;
  std::vector<sample::ControlMethod> methods;  ///< ours first
  sample::AttentionScope scope;
  sample::SimulatedAttentionOptions attention;
  std::vector<SeedResults> by_seed = {};
};

inline constexpr const char* main_setting = "Reach and grasp";
inline constexpr const char* worse_setting = "Worse attention";
inline constexpr const char* silent_setting = "No feedback at all";
inline constexpr const char* orbit_setting = "A moving camera";
inline constexpr const char* prefill_setting = "Pruning inside the model";
inline constexpr const char* pieces_setting = "What each piece is good for";

/// One section per setting, in their order; the first is the one that is promised.
void write_evidence_page(std::ostream& page, std::uint64_t first_seed, std::uint64_t last_seed,
                         const std::vector<EvidenceSetting>& settings);

}  // namespace sluice::bench

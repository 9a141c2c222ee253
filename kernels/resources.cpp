#include "kernels/resources.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kernels/cpu/row_kernels.h"
#include "kernels/error.h"

namespace sluice::kernels {
namespace {

bool can_run(InstructionSet set) {
#if defined(__x86_64__)
  switch (set) {
    case InstructionSet::baseline: return true;
    case InstructionSet::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case InstructionSet::avx512:
      return can_run(InstructionSet::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
  }
#endif
  return set == InstructionSet::baseline;
}

const cpu::RowKernels& kernels_for(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::avx2) return cpu::avx2_row_kernels;
  if (set == InstructionSet::avx512) return cpu::avx512_row_kernels;
#endif
  (void)set;
  return cpu::baseline_row_kernels;
}

constexpr InstructionSet all_sets[] = {InstructionSet::baseline, InstructionSet::avx2,
                                       InstructionSet::avx512};

}  // namespace

std::string_view name(InstructionSet set) noexcept {
  switch (set) {
    case InstructionSet::baseline: return "baseline";
    case InstructionSet::avx2: return "avx2";
    case InstructionSet::avx512: return "avx512";
  }
  return "?";
}

std::vector<InstructionSet> available_instruction_sets() {
  std::vector<InstructionSet> sets;
  std::copy_if(std::begin(all_sets), std::end(all_sets), std::back_inserter(sets), can_run);
  return sets;
}

InstructionSet default_instruction_set() {
  const auto available = available_instruction_sets();
  const char* wanted = std::getenv("SLUICE_ISA");
  if (wanted == nullptr || *wanted == '\0') return available.back();
  for (const auto set : available)
    if (name(set) == wanted) return set;
  std::string expected = "one of";
  for (const auto set : available) expected.append(" ").append(name(set));
  throw input_error("SLUICE_ISA", concat('"', wanted, '"'), expected);
}

Resources::Resources(int threads, InstructionSet set)
    : pool_(threads), set_(set), rows_(&kernels_for(set)) {
  if (!can_run(set))
    throw input_error("instruction set", concat(name(set), " does not run on this machine"));
}

}  // namespace sluice::kernels

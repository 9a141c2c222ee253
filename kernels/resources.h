// What an engine computes with: threads and an instruction set. Passed first to every operation.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/thread_pool.h"

namespace sluice::kernels {

namespace cpu {
struct RowKernels;
}

/// Instruction sets that the CPU kernels are built for; all keep the same set of tokens.
enum class InstructionSet { baseline, avx2, avx512 };

[[nodiscard]] std::string_view name(InstructionSet set) noexcept;
/// The sets this machine can run, worst first.
[[nodiscard]] std::vector<InstructionSet> available_instruction_sets();
/// The best one this machine can run, unless the environment variable SLUICE_ISA names another
/// ("baseline", "avx2", "avx512"). Throws sluice::Error if that one is unknown or can't run here.
[[nodiscard]] InstructionSet default_instruction_set();

/// Owns the threads; cheap to pass, not copyable. Operations that share one Resources must not run
/// at the same time.
class Resources {
 public:
  /// `threads` = 0: one per core.
  explicit Resources(int threads = 0, InstructionSet set = default_instruction_set());

  [[nodiscard]] int threads() const noexcept { return pool_.threads(); }
  [[nodiscard]] InstructionSet instruction_set() const noexcept { return set_; }
  [[nodiscard]] const cpu::RowKernels& rows() const noexcept { return *rows_; }
  [[nodiscard]] ThreadPool& pool() noexcept { return pool_; }

 private:
  ThreadPool pool_;
  InstructionSet set_;
  const cpu::RowKernels* rows_;
};

}  // namespace sluice::kernels

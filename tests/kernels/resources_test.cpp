#include "kernels/resources.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <numeric>

#include "kernels/error.h"

namespace sluice::kernels {
namespace {

TEST(ThreadPool, RunsEveryIterationOnce) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> hits(97);
      pool.parallel_for(97, [&](std::int64_t i, int worker) {
        ASSERT_LT(worker, threads);
        ++hits[static_cast<std::size_t>(i)];
      });
      for (const auto& hit : hits) ASSERT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPool, RethrowsTheFirstExceptionAndStaysUsable) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.parallel_for(50,
                                 [](std::int64_t i, int) {
                                   if (i == 7) throw input_error("iteration", "seven");
                                 }),
               Error);
  std::atomic<int> count{0};
  pool.parallel_for(10, [&](std::int64_t, int) { ++count; });
  EXPECT_EQ(count, 10);
}

TEST(Resources, AnEnvironmentVariableForcesTheInstructionSet) {
  ::setenv("SLUICE_ISA", "baseline", 1);
  EXPECT_EQ(Resources(1).instruction_set(), InstructionSet::baseline);
  ::setenv("SLUICE_ISA", "abacus", 1);
  EXPECT_THROW((void)default_instruction_set(), Error);
  ::unsetenv("SLUICE_ISA");
}

TEST(Resources, RejectsNegativeThreads) {
  EXPECT_THROW(Resources(-1), Error);
}

}  // namespace
}  // namespace sluice::kernels

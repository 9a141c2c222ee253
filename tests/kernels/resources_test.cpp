#include "kernels/resources.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <thread>

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

TEST(ThreadPool, PollsOnTheThreadThatRunsTheLoop) {
  using namespace std::chrono_literals;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto caller = std::this_thread::get_id();
    int calls = 0;
    pool.set_poll([&] {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      ++calls;
    });
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < 4 * PeriodicPoll::interval)  // many loops
      pool.parallel_for(2 * threads, [](std::int64_t, int) { std::this_thread::sleep_for(1ms); });
    EXPECT_GE(calls, 2);
    EXPECT_LE(calls, 4);
    pool.set_poll({});
    calls = 0;
    pool.parallel_for(60 * threads, [](std::int64_t, int) { std::this_thread::sleep_for(1ms); });
    EXPECT_EQ(calls, 0);
  }
}

struct Stopped {};

TEST(ThreadPool, WhatThePollThrowsEndsTheLoop) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    pool.set_poll([] { throw Stopped(); });
    // Iterations so short that the clock can't be read in each, and too many to wait for.
    std::atomic<std::int64_t> done{0};
    const std::int64_t count = std::int64_t{1} << 28;
    EXPECT_THROW(pool.parallel_for(count,
                                   [&](std::int64_t, int worker) {
                                     if (worker == 0) done.fetch_add(1, std::memory_order_relaxed);
                                   }),
                 Stopped);
    EXPECT_LT(done, count);
    pool.set_poll({});
    std::atomic<int> after{0};
    pool.parallel_for(10, [&](std::int64_t, int) { ++after; });
    EXPECT_EQ(after, 10);
  }
}

TEST(ThreadPool, WorkThatIsNoLoopPollsItself) {
  ThreadPool pool(1);
  pool.set_poll([] { throw Stopped(); });
  EXPECT_THROW(
      {
        for (int i = 0; i < 1 << 28; ++i) pool.poll();
      },
      Stopped);
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

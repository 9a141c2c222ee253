#include "apps/bench/tick_floor.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <limits>

#include "kernels/resources.h"

namespace sluice::apps {
namespace {

using Clock = std::chrono::steady_clock;
using Lanes = float __attribute__((vector_size(64), aligned(4)));

/// So many sums that one multiply-add need not wait for another.
constexpr int sums = 12;
constexpr std::int64_t rounds = 1 << 20;
constexpr int repeats = 5;

/// Results go here, so that the compiler leaves nothing out.
volatile float sink = 0;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Four sums at a time, so that the memory is what limits it. Built for each instruction set.
__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"))) float add_up(
    const std::byte* bytes, std::size_t size) {
  Lanes sum[4] = {};
  for (std::size_t at = 0; at + sizeof sum <= size; at += sizeof sum)
    for (std::size_t lane = 0; lane < 4; ++lane) {
      Lanes next;
      std::memcpy(&next, bytes + at + lane * sizeof next, sizeof next);
      sum[lane] += next;
    }
  const Lanes all = sum[0] + sum[1] + sum[2] + sum[3];
  return all[0] + all[1];
}

// Here alone multiply-adds are wanted: they are what the machine does at best.
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")

template <typename Vector>
inline __attribute__((always_inline)) float multiply_and_add() {
  Vector sum[sums] = {};
  const Vector a = Vector{} + 0.999F, b = Vector{} + 0.5F;
  for (std::int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < sums; ++i) sum[i] = sum[i] * a + b;
  float total = 0;
  for (int i = 0; i < sums; ++i) total += sum[i][0];
  return total;
}

using Vector4 = float __attribute__((vector_size(16)));
using Vector8 = float __attribute__((vector_size(32)));
using Vector16 = float __attribute__((vector_size(64)));

float multiply_add_baseline() {
  return multiply_and_add<Vector4>();
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) float multiply_add_avx512() {
  return multiply_and_add<Vector16>();
}

__attribute__((target("avx2,fma"))) float multiply_add_avx2() {
  return multiply_and_add<Vector8>();
}

#endif
#pragma GCC pop_options

/// Runs it, and returns how many multiply-adds that were.
std::int64_t run_multiply_adds() {
  std::int64_t lanes = 4;
  auto* run = &multiply_add_baseline;
#if defined(__x86_64__)
  const auto set = kernels::default_instruction_set();
  if (set == kernels::InstructionSet::avx2) run = &multiply_add_avx2, lanes = 8;
  if (set == kernels::InstructionSet::avx512) run = &multiply_add_avx512, lanes = 16;
#endif
  sink = run();
  return rounds * sums * lanes;
}

}  // namespace

double features_pass_ms(const TickScene& scene) {
  double fastest = std::numeric_limits<double>::infinity();
  for (std::int64_t tick = 0; tick < repeats * scene.frames(); ++tick) {
    const auto begin = Clock::now();
    for (const policy::TickSource& source : scene.sources(tick)) {
      const kernels::TensorView features = source.tokens->features;
      sink = add_up(static_cast<const std::byte*>(features.data()), features.byte_size());
    }
    fastest = std::min(fastest, milliseconds_since(begin));
  }
  return fastest;
}

double peak_multiply_adds() {
  double fastest = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto begin = Clock::now();
    const std::int64_t done = run_multiply_adds();
    fastest = std::max(fastest, static_cast<double>(done) / (1e6 * milliseconds_since(begin)));
  }
  return fastest;
}

}  // namespace sluice::apps

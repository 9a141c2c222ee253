// Does the tick engine's selection keep what matters? Plays the sample's reach-and-grasp under
// simulated attention and writes bench/results/loop-evidence.md to the standard output.
//
//   loop_evidence FIRST_SEED LAST_SEED
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "apps/sample/control_evidence.h"
#include "bench/loop_evidence_page.h"

namespace {

using namespace sluice;
using sample::AttentionScope;
using sample::SimulatedAttentionOptions;

/// Everything is worse: noise, lag, blind spots, clutter, sinks, losses and delay.
SimulatedAttentionOptions worse_attention() {
  SimulatedAttentionOptions options;
  options.noise *= 2;
  options.lag *= 2;
  options.blind *= 2;
  options.clutter *= 2;
  options.sinks *= 2;
  options.lost *= 2;
  options.late_least += 1;
  options.late_most += 2;
  return options;
}

std::vector<bench::EvidenceSetting> settings() {
  const std::vector<std::string> grasp = {"grasp", "close-up"}, orbit = {"orbit"};
  const auto methods = sample::compared_methods();
  SimulatedAttentionOptions silent;
  silent.lost = 1;
  return {{bench::main_setting, grasp, methods, AttentionScope::sent, {}},
          {bench::worse_setting, grasp, methods, AttentionScope::sent, worse_attention()},
          {bench::silent_setting, grasp, methods, AttentionScope::sent, silent},
          {bench::orbit_setting, orbit, methods, AttentionScope::sent, {}},
          {bench::prefill_setting, grasp, methods, AttentionScope::prefill, {}},
          {bench::pieces_setting, grasp, sample::ours_without_a_piece(), AttentionScope::sent, {}}};
}

/// What one seed gives in one setting: [budget][method].
bench::SeedResults play(const bench::EvidenceSetting& setting,
                        const std::vector<sample::ControlEpisode>& episodes) {
  bench::SeedResults results(bench::evidence_budgets.size());
  for (std::size_t b = 0; b < results.size(); ++b) {
    results[b].resize(setting.methods.size());
    for (std::size_t m = 0; m < setting.methods.size(); ++m)
      for (const auto& episode : episodes)
        run_control(episode, setting.methods[m], bench::evidence_budgets[b], setting.scope,
                    setting.attention, results[b][m]);
  }
  return results;
}

/// Renders every shot of a seed once, and plays all settings on it.
void play_seed(std::uint64_t seed, std::size_t index,
               std::vector<bench::EvidenceSetting>& settings) {
  for (auto& setting : settings) setting.by_seed[index].clear();
  std::vector<std::string> rendered;
  std::vector<sample::ControlEpisode> episodes;
  for (auto& setting : settings) {
    if (setting.shots != rendered) {
      episodes.clear();
      for (const auto& shot : setting.shots)
        episodes.push_back(sample::render_control_episode(seed, shot));
      rendered = setting.shots;
    }
    setting.by_seed[index] = play(setting, episodes);
  }
}

int run(std::uint64_t first, std::uint64_t last) {
  auto played = settings();
  const std::size_t seeds = static_cast<std::size_t>(last - first + 1);
  for (auto& setting : played) setting.by_seed.resize(seeds);
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  const auto work = [&] {
    for (std::size_t index = next++; index < seeds; index = next++) {
      play_seed(first + index, index, played);
      std::fprintf(stderr, "seed %zu of %zu\n", index + 1, seeds);
    }
  };
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  bench::write_evidence_page(std::cout, first, last, played);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const auto seed = [&](int index) {
    return argc == 3 ? std::strtoull(argv[index], nullptr, 10) : 0;
  };
  if (seed(1) < 1 || seed(2) <= seed(1)) {
    std::cerr << "usage: loop_evidence FIRST_SEED LAST_SEED (at least two seeds)\n";
    return EXIT_FAILURE;
  }
  try {
    return run(seed(1), seed(2));
  } catch (const std::exception& error) {
    std::cerr << "loop_evidence: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}

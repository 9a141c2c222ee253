// Promise 1: a tick's packet holds exactly min(budget, available) tokens, within every source's
// floor and cap, pinned ones among them, whatever came in and went back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "policy/tick_engine.h"
#include "tests/support/random_ticks.h"

namespace sluice {
namespace {

using policy::TickEngine;
using policy::TickEngineOptions;
using policy::TickStatus;

constexpr std::int64_t most_rows = 14;
constexpr std::int64_t widest = 6;

TickEngineOptions random_options(test::Random& random) {
  TickEngineOptions options;
  const auto names = policy::selector_names();
  options.selector = names[static_cast<std::size_t>(random.integer(0, std::ssize(names) - 1))];
  const auto controllers = policy::budget_controller_names();
  options.budget.controller =
      controllers[static_cast<std::size_t>(random.integer(0, std::ssize(controllers) - 1))];
  options.budget.tokens = random.integer(1, 40);
  options.budget.least = random.integer(0, std::min<std::int64_t>(options.budget.tokens, 10));
  options.refresh_share = random.chance(0.3) ? 0 : random.uniform();
  options.stale_after = random.integer(1, 5);
  options.published_warm_up = random.chance(0.1);
  std::int64_t left =
      options.budget.controller == "fixed" ? options.budget.tokens : options.budget.least;
  for (std::int64_t i = random.integer(1, 4); i > 0; --i) {
    auto& source = options.sources.emplace_back();
    source.id = concat("source", i);
    source.max_rows = most_rows;
    source.max_width = widest;
    source.floor = random.chance(0.5) ? random.integer(0, std::min(left, most_rows)) : 0;
    left -= source.floor;
    if (random.chance(0.3)) source.cap = random.integer(0, most_rows);
    if (random.chance(0.2)) source.information = random.chance(0.5) ? 0 : 4;
  }
  return options;
}

/// One engine under test, and what a receiver would count.
class RandomLoop {
 public:
  RandomLoop(kernels::Resources& resources, test::Random& random)
      : random_(random), options_(random_options(random)), engine_(resources, options_) {
    sources_.resize(options_.sources.size());
  }

  void tick(std::int64_t tick) {
    std::vector<policy::TickSource> views;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      test::random_source(random_, options_.sources[i].id, most_rows, random_.integer(1, widest),
                          sources_[i]);
      views.push_back(sources_[i].view());
    }
    const std::chrono::milliseconds deadline(random_.integer(0, 40));
    const auto status =
        engine_.step({.tick = tick, .clock_s = 0.1 * static_cast<double>(tick), .sources = views},
                     deadline, packet_);
    if (status == TickStatus::over_budget) {
      check_over_budget();
    } else {
      ASSERT_TRUE(status == TickStatus::ok || status == TickStatus::no_tokens) << engine_.problem();
      check_packet(status);
    }
    answer();
  }

 private:
  struct Bounds {
    std::int64_t rows = 0, limit = 0, least = 0;
    bool pinned_fit = true;
  };

  [[nodiscard]] Bounds bounds(std::size_t i) const {
    Bounds bounds;
    if (!sources_[i].is_there) return bounds;
    bounds.rows = sources_[i].batch.size();
    bounds.limit = std::min(bounds.rows, options_.sources[i].cap.value_or(bounds.rows));
    const std::int64_t pinned = std::ssize(sources_[i].pinned);
    bounds.least = std::max(std::min(options_.sources[i].floor, bounds.limit), pinned);
    bounds.pinned_fit = pinned <= bounds.limit;
    return bounds;
  }

  /// It must not be said without need: with a fixed budget we know.
  void check_over_budget() {
    std::int64_t least = 0;
    bool pinned_fit = true;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      least += bounds(i).least;
      pinned_fit = pinned_fit && bounds(i).pinned_fit;
    }
    const bool is_fixed = options_.budget.controller == "fixed";
    if (pinned_fit) {
      ASSERT_GT(least, is_fixed ? options_.budget.tokens : options_.budget.least);
    }
    ASSERT_EQ(packet_.kept, 0);
    for (const auto& batch : packet_.batches) ASSERT_EQ(batch.size(), 0);
  }

  void check_packet(TickStatus status) {
    std::int64_t available = 0, kept = 0;
    ASSERT_EQ(packet_.batches.size(), sources_.size());
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      available += bounds(i).limit;
      kept += packet_.batches[i].size();
      seen_ += bounds(i).rows;
      check_batch(i);
    }
    ASSERT_EQ(packet_.available, available);
    ASSERT_EQ(packet_.kept, kept);
    ASSERT_EQ(kept, std::min(packet_.budget, available));
    ASSERT_EQ(status == TickStatus::no_tokens, available == 0);
    if (!options_.published_warm_up) {
      ASSERT_LE(kept, options_.budget.tokens);
      const bool is_fixed = options_.budget.controller == "fixed";
      ASSERT_GE(kept,
                std::min(is_fixed ? options_.budget.tokens : options_.budget.least, available));
    }
    kept_ += kept;
    available_ += available;
    ASSERT_EQ(packet_.totals.kept, kept_);
    ASSERT_EQ(packet_.totals.available, available_);
    ASSERT_EQ(packet_.totals.seen, seen_);
    ASSERT_EQ(packet_.totals.packets, ++packets_);
    ASSERT_EQ(packet_.sequence, packets_ - 1);
  }

  void check_batch(std::size_t i) {
    const auto& batch = packet_.batches[i];
    const Bounds allowed = bounds(i);
    ASSERT_GE(batch.size(), allowed.least);
    ASSERT_LE(batch.size(), allowed.limit);
    ASSERT_EQ(std::ssize(batch.key), batch.size());
    ASSERT_TRUE(std::is_sorted(batch.key.begin(), batch.key.end(), std::less_equal<>()));
    if (!sources_[i].is_there) return;
    const auto& offered = sources_[i].batch.key;
    ASSERT_TRUE(std::includes(offered.begin(), offered.end(), batch.key.begin(), batch.key.end()));
    for (const auto row : sources_[i].pinned)
      ASSERT_TRUE(std::binary_search(batch.key.begin(), batch.key.end(),
                                     offered[static_cast<std::size_t>(row)]));
  }

  /// Feedback of all sorts: prompt, late, twice, of other ticks, broken.
  void answer() {
    if (random_.chance(0.3)) return;
    auto feedback = test::feedback_on(packet_, [this](const std::string&, std::int64_t key) {
      return key % 5 == 0 ? 0.0F : static_cast<float>(random_.uniform());
    });
    feedback.model_latency_ms = random_.between(1, 30);
    if (random_.chance(0.1)) feedback.tick += random_.integer(-4, 4);
    if (random_.chance(0.05)) feedback.episode += 1;
    if (random_.chance(0.05) && !feedback.sources.empty())
      feedback.sources[0].action_attention.push_back(1);
    if (random_.chance(0.05)) feedback.model_latency_ms = -1;
    if (random_.chance(0.5)) feedback.action = kernels::Tensor(kernels::DType::f32, {1, 2});
    if (feedback.action.defined())
      for (auto& value : feedback.action.as<float>()) value = random_.normal();
    (void)engine_.feedback(feedback);
    if (random_.chance(0.1)) (void)engine_.feedback(feedback);
  }

  test::Random& random_;
  TickEngineOptions options_;
  TickEngine engine_;
  std::vector<test::RandomSource> sources_;
  stream::Packet packet_;
  std::int64_t seen_ = 0, kept_ = 0, available_ = 0, packets_ = 0;
};

TEST(Promise1ExactTickBudget, RandomTicksNeverViolateIt) {
  kernels::Resources resources(1);
  constexpr std::int64_t ticks_per_loop = 25;
  const std::int64_t loops = test::cases(1'000'000, 40) / ticks_per_loop;
  for (std::int64_t loop = 0; loop < loops; ++loop) {
    const auto seed = static_cast<std::uint64_t>(95'000 + loop);
    test::Random random(seed);
    RandomLoop under_test(resources, random);
    for (std::int64_t tick = 0; tick < ticks_per_loop; ++tick) {
      under_test.tick(tick);
      if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", tick " << tick;
    }
  }
}

}  // namespace
}  // namespace sluice

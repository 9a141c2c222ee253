#include "policy/selector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>

#include "kernels/error.h"
#include "tests/support/max_min_oracle.h"
#include "tests/support/random_candidates.h"

namespace sluice::policy {
namespace {

using stream::KeepReason;
using Rows = std::vector<std::int32_t>;
using Reasons = std::map<std::int32_t, KeepReason>;

std::size_t at(std::int32_t row) {
  return static_cast<std::size_t>(row);
}

Reasons reasons(const Choice& choice) {
  Reasons result;
  for (std::size_t i = 0; i < choice.keep.size(); ++i)
    result[choice.keep[i]] = static_cast<KeepReason>(choice.reason[i]);
  return result;
}

/// The `count` best of `rows`, ties to the lowest row, written out.
Rows best(Rows rows, std::int64_t count, const auto& score) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::int32_t a, std::int32_t b) { return score(a) > score(b); });
  rows.resize(static_cast<std::size_t>(std::min(count, std::ssize(rows))));
  return rows;
}

/// What every selector does before and after its own choice.
struct Oracle {
  const test::RandomCandidates& made;
  Reasons kept;
  Rows eligible;
  std::int64_t places = 0;  ///< that are the subclass's to fill
  double margin = 1e300;

  Oracle(const test::RandomCandidates& candidates, std::int64_t keep, std::int64_t refreshed)
      : made(candidates) {
    const auto n = static_cast<std::int32_t>(made.size());
    keep = std::min<std::int64_t>(keep, n);
    for (const auto row : made.pinned) kept[row] = KeepReason::pinned;
    Rows unsent;
    if (keep < n)
      for (std::int32_t row = 0; row < std::ssize(made.unsent_for); ++row)
        if (made.finite[at(row)] != 0 && !kept.contains(row) && made.unsent_for[at(row)] != 1)
          unsent.push_back(row);
    for (const auto row :
         best(unsent, std::min(refreshed, keep - std::ssize(made.pinned)), [&](std::int32_t r) {
           return made.unsent_for[at(r)] < 0 ? 99 : made.unsent_for[at(r)];
         }))
      kept[row] = KeepReason::refresh;
    for (std::int32_t row = 0; row < n; ++row)
      if (made.finite[at(row)] != 0 && !kept.contains(row)) eligible.push_back(row);
    places = keep - static_cast<std::int64_t>(kept.size());
    if (places < std::ssize(eligible)) return;
    for (const auto row : eligible) kept[row] = KeepReason::everything;
    for (std::int32_t row = 0; static_cast<std::int64_t>(kept.size()) < keep; ++row)
      kept.emplace(row, KeepReason::everything);
    places = 0;
  }

  void keep_chosen(const Rows& rows, KeepReason reason) {
    for (const auto row : rows) kept[row] = reason;
  }

  /// Places go by evidence before anything else is chosen. Written as the definition has it, so
  /// that ties are the same ones.
  void go_by_evidence(const EvidenceWeights& weights) {
    if (places == 0) return;
    std::vector<double> evidence(static_cast<std::size_t>(made.size()), 0), most = evidence;
    std::map<std::int32_t, KeepReason> reason;
    Rows finite;
    for (std::int32_t row = 0; row < made.size(); ++row)
      if (made.finite[at(row)] != 0) finite.push_back(row);
    const auto add = [&](const std::vector<float>& level, double weight, KeepReason name) {
      if (level.empty()) return;
      std::vector<double> values;
      for (const auto row : finite) values.push_back(level[at(row)]);
      std::sort(values.begin(), values.end());
      const double median = values[values.size() / 2];
      double sum = 0;
      for (const auto row : finite) sum += std::max(level[at(row)] - median, 0.0);
      if (sum == 0) return;
      for (const auto row : finite) {
        const double part = weight * (std::max(level[at(row)] - median, 0.0) / sum);
        evidence[at(row)] += part;
        if (part > most[at(row)]) reason[row] = name;
        most[at(row)] = std::max(part, most[at(row)]);
      }
    };
    const bool acted =
        std::any_of(made.action.begin(), made.action.end(), [](float a) { return a > 0; });
    add(made.semantic, acted ? 0.5 : 1.0, KeepReason::attention);
    if (acted) add(made.action, 0.5, KeepReason::attention);
    add(made.novelty, weights.novelty, KeepReason::novelty);
    add(made.distinctness, weights.saliency, KeepReason::saliency);
    const Rows evident = best(eligible, std::lrint(weights.share * static_cast<double>(places)),
                              [&](std::int32_t row) { return evidence[at(row)]; });
    for (const auto row : evident) {
      if (evidence[at(row)] <= 0) continue;
      kept[row] = reason[row];
      std::erase(eligible, row);
      --places;
    }
  }

  void choose_dual_level() {
    const auto semantic = [&](std::int32_t row) { return made.semantic[at(row)]; };
    const auto action = [&](std::int32_t row) { return made.action[at(row)]; };
    std::set<std::int32_t> united;
    for (const auto row : best(eligible, places, semantic)) united.insert(row);
    if (std::any_of(made.action.begin(), made.action.end(), [](float a) { return a > 0; }))
      for (const auto row : best(eligible, places, action)) united.insert(row);
    const Rows candidates(united.begin(), united.end());
    if (std::ssize(candidates) <= places) return keep_chosen(candidates, KeepReason::attention);
    std::vector<std::vector<double>> features;
    for (const auto row : candidates) features.push_back(made.rows[at(row)]);
    const auto filtered = test::max_min_oracle(features, places);
    margin = filtered.margin;
    for (const auto index : filtered.kept) kept[candidates[at(index)]] = KeepReason::diversity;
  }

  void choose_semantic() {
    keep_chosen(best(eligible, places, [&](std::int32_t r) { return made.semantic[at(r)]; }),
                KeepReason::attention);
  }

  static Rows evenly(const Rows& rows, std::int64_t count) {
    Rows result;
    for (std::int64_t i = 0; i < count; ++i)
      result.push_back(rows[static_cast<std::size_t>(
          std::floor((static_cast<double>(i) + 0.5) * static_cast<double>(rows.size()) /
                     static_cast<double>(count)))]);
    return result;
  }

  void choose_uniform() { keep_chosen(evenly(eligible, places), KeepReason::coverage); }

  void choose_downsampled() {
    if (made.position.empty()) return choose_uniform();
    const double all_rows = made.grid.rows, all_cols = made.grid.cols;
    // The best fit by trying: rows in proportion, then columns, then rows.
    double rows = 1, cols = 1;
    const auto limit = static_cast<double>(places);
    while (rows + 1 <= std::min(all_rows, limit) &&
           (rows + 1) * (rows + 1) * all_cols <= limit * all_rows)
      ++rows;
    while (cols + 1 <= all_cols && (cols + 1) * rows <= limit) ++cols;
    while (rows + 1 <= all_rows && (rows + 1) * cols <= limit) ++rows;
    std::set<std::int32_t> wanted;
    for (double a = 0; a < rows; ++a)
      for (double b = 0; b < cols; ++b)
        wanted.insert(static_cast<std::int32_t>(std::floor((a + 0.5) * all_rows / rows) * all_cols +
                                                std::floor((b + 0.5) * all_cols / cols)));
    Rows rest, chosen;
    for (const auto row : eligible)
      (wanted.contains(made.position[at(row)]) ? chosen : rest).push_back(row);
    keep_chosen(chosen, KeepReason::coverage);
    keep_chosen(evenly(rest, places - std::ssize(chosen)), KeepReason::coverage);
  }
};

/// Compares a selector with the oracle on random cases; returns how many were its own to decide.
std::int64_t compare(std::string_view name, std::uint64_t seed, void (Oracle::*choose)(),
                     const SelectorOptions& options = {}) {
  kernels::Resources resources(1);
  test::Random random(seed);
  const auto selector = make_selector(name, options);
  EXPECT_EQ(selector->name(), name);
  test::RandomCandidates made;
  Choice choice;
  std::int64_t compared = 0;
  for (std::int64_t round = 0; round < test::cases(10'000); ++round) {
    test::random_candidates(random, 40, made);
    const std::int64_t keep = random.integer(std::ssize(made.pinned), made.size() + 2);
    const double share = random.chance(0.5) ? 0.1 : random.uniform();
    selector->select(resources, made.view(), keep, share, choice);
    const double refreshed = share * static_cast<double>(std::min(keep, made.size()));
    Oracle oracle(made, keep, selector->refreshes() ? std::lrint(refreshed) : 0);
    oracle.go_by_evidence(selector->evidence_weights());
    if (oracle.places > 0) (oracle.*choose)();
    if (oracle.margin < 1e-12) continue;  // rounding of the oracle itself decides
    compared += oracle.places > 0;
    EXPECT_EQ(reasons(choice), oracle.kept) << name << ", round " << round << ", seed " << seed;
    if (reasons(choice) != oracle.kept) break;
  }
  return compared;
}

TEST(Selector, VlaPrunerAgreesWithTheDefinition) {
  EXPECT_GT(compare("vla-pruner", 921, &Oracle::choose_dual_level, {.evidence_share = 0}),
            test::cases(10'000) / 3);
  EXPECT_GT(compare("vla-pruner-published", 922, &Oracle::choose_dual_level),
            test::cases(10'000) / 3);
}

TEST(Selector, EvidenceGoesFirst) {
  EXPECT_GT(compare("vla-pruner", 928, &Oracle::choose_dual_level), test::cases(10'000) / 4);
  EXPECT_GT(compare("vla-pruner", 929, &Oracle::choose_dual_level,
                    {.evidence_share = 0.4, .novelty_weight = 0.3, .saliency_weight = 2}),
            test::cases(10'000) / 3);
}

TEST(Selector, BaselinesAgreeWithTheirDefinitions) {
  EXPECT_GT(compare("semantic", 923, &Oracle::choose_semantic), test::cases(10'000) / 3);
  EXPECT_GT(compare("uniform", 924, &Oracle::choose_uniform), test::cases(10'000) / 3);
  EXPECT_GT(compare("downsample", 925, &Oracle::choose_downsampled), test::cases(10'000) / 3);
}

/// n sound tokens of width 2 without a history.
test::RandomCandidates plain(std::int64_t n, stream::Grid grid = {}) {
  test::Random random(926);
  test::RandomCandidates made;
  made.grid = grid;
  for (std::int32_t i = 0; i < n; ++i) {
    made.key.push_back(i);
    made.semantic.push_back(static_cast<float>(random.uniform()));
    made.finite.push_back(1);
    if (grid.rows > 0) made.position.push_back(i);
  }
  made.features =
      kernels::Tensor::from<float>(test::random_clip(random, {1, n, 2}), {n, std::int64_t{2}});
  return made;
}

Rows keep_of(Selector& selector, const test::RandomCandidates& made, std::int64_t keep) {
  kernels::Resources resources(1);
  Choice choice;
  selector.select(resources, made.view(), keep, 0.1, choice);
  return choice.keep;
}

TEST(Selector, DownsamplesToACoarserGrid) {
  const auto made = plain(256, {16, 16});
  const auto selector = make_selector("downsample");
  Rows expected;
  for (std::int32_t row = 1; row < 16; row += 2)
    for (std::int32_t col = 1; col < 16; col += 2) expected.push_back(16 * row + col);
  EXPECT_EQ(keep_of(*selector, made, 64), expected);
  EXPECT_EQ(keep_of(*selector, made, 1), Rows{8 * 16 + 8});
}

TEST(Selector, RandomIsSeededAndDrawsAnew) {
  const auto made = plain(50);
  const auto first = make_selector("random", {.seed = 7}),
             again = make_selector("random", {.seed = 7}),
             other = make_selector("random", {.seed = 8});
  std::vector<int> drawn(50);
  Rows before;
  for (int i = 0; i < 2'000; ++i) {
    const Rows kept = keep_of(*first, made, 10);
    ASSERT_EQ(kept, keep_of(*again, made, 10));
    EXPECT_NE(kept, before);
    EXPECT_NE(kept, keep_of(*other, made, 10));
    before = kept;
    for (const auto row : kept) ++drawn[at(row)];
  }
  // 400 expected of each; five standard deviations are 90.
  for (const int count : drawn) EXPECT_NEAR(count, 400, 90);
}

TEST(Selector, SaysWhatTheSemanticScoreWas) {
  kernels::Resources resources(1);
  const auto made = plain(9);
  auto view = made.view();
  view.semantic_reason = KeepReason::saliency;
  Choice choice;
  for (const auto* name : {"semantic", "vla-pruner"}) {
    make_selector(name)->select(resources, view, 3, 0.1, choice);
    for (const auto& [row, reason] : reasons(choice)) EXPECT_EQ(reason, KeepReason::saliency);
  }
}

/// Whatever computes: every instruction set, every number of threads, f32 and bf16.
TEST(Selector, KeepsTheSameSetEverywhere) {
  test::Random random(927);
  for (std::int64_t round = 0; round < test::cases(200); ++round) {
    const std::int64_t n = random.integer(40, 120), width = random.integer(100, 600);
    auto made = plain(n);
    for (std::int64_t i = 0; i < n; ++i)
      made.action.push_back(static_cast<float>(random.integer(0, 9)));
    auto values = test::random_clip(random, {1, n, width}, {.twin = 0.4});
    for (auto& value : values) value *= 1.0F + 1e-7F * random.normal();
    for (const auto dtype : {kernels::DType::f32, kernels::DType::bf16}) {
      made.features = test::clip_tensor(values, {1, n, width}, dtype);
      auto view = made.view();
      view.features = view.features[0];
      Choice reference;
      for (const auto set : kernels::available_instruction_sets())
        for (const int threads : {1, 3}) {
          kernels::Resources resources(threads, set);
          Choice choice;
          make_selector("vla-pruner")->select(resources, view, n / 4, 0.1, choice);
          if (reference.keep.empty()) reference = choice;
          ASSERT_EQ(choice.keep, reference.keep) << "round " << round;
          ASSERT_EQ(choice.reason, reference.reason) << "round " << round;
        }
    }
  }
}

TEST(Selector, RefusesWhatDoesNotFit) {
  kernels::Resources resources(1);
  auto made = plain(12, {3, 4});
  const auto selector = make_selector("vla-pruner");
  Choice choice;
  const auto throws = [&](const Candidates& view, std::int64_t keep = 4, double share = 0.1) {
    EXPECT_THROW(selector->select(resources, view, keep, share, choice), Error);
  };
  EXPECT_NO_THROW(selector->select(resources, made.view(), 4, 0.1, choice));
  throws(made.view(), -1);
  throws(made.view(), 4, -0.1);
  throws(made.view(), 4, 1.1);
  throws(made.view(), 4, std::nan(""));
  for (const Rows& pinned : {Rows{2, 1}, Rows{1, 1}, Rows{-1}, Rows{12}, Rows{0, 1, 2, 3, 4}}) {
    made.pinned = pinned;
    throws(made.view());
  }
  made.pinned.clear();
  const auto with = [&](auto change) {
    Candidates view = made.view();
    change(view);
    throws(view);
  };
  const std::vector<float> eleven(11);
  const Rows eleven_rows(11);
  with([&](Candidates& view) { view.features = kernels::TensorView(); });
  with([&](Candidates& view) { view.key = view.key.first(11); });
  with([&](Candidates& view) { view.semantic = {}; });
  with([&](Candidates& view) { view.action = eleven; });
  with([&](Candidates& view) { view.finite = view.finite.first(11); });
  with([&](Candidates& view) { view.unsent_for = eleven_rows; });
  with([&](Candidates& view) { view.novelty = eleven; });
  with([&](Candidates& view) { view.distinctness = eleven; });
  with([&](Candidates& view) { view.position = eleven_rows; });
  with([&](Candidates& view) { view.grid = {3, 3}; });
}

TEST(Selector, WeightsOutOfRangeAreRefused) {
  EXPECT_NO_THROW((void)make_selector("vla-pruner", {.evidence_share = 1, .novelty_weight = 0}));
  for (const double share : {-0.1, 1.1, std::nan("")})
    EXPECT_THROW((void)make_selector("vla-pruner", {.evidence_share = share}), Error);
  for (const double weight : {-0.1, HUGE_VAL, std::nan("")}) {
    EXPECT_THROW((void)make_selector("vla-pruner", {.novelty_weight = weight}), Error);
    EXPECT_THROW((void)make_selector("vla-pruner", {.saliency_weight = weight}), Error);
  }
}

TEST(Selector, UnknownNamesAreRefusedWithAList) {
  for (const auto name : selector_names()) EXPECT_EQ(make_selector(name)->name(), name);
  try {
    (void)make_selector("vla");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("vla-pruner, vla-pruner-published"),
              std::string::npos);
  }
}

/// A subclass that breaks its word is found out.
class Careless final : public Selector {
 public:
  explicit Careless(Rows rows) : rows_(std::move(rows)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "careless"; }

 protected:
  KeepReason choose(kernels::Resources&, const Candidates&, const Eligible&, std::int64_t,
                    Rows& chosen) override {
    chosen = rows_;
    return KeepReason::attention;
  }
  void reserve_scratch(std::int64_t, std::int64_t) override {}

 private:
  Rows rows_;
};

TEST(Selector, SubclassesAreNotTrusted) {
  auto made = plain(6);
  made.pinned = {1};
  made.finite[5] = 0;
  Careless good({4, 0});
  EXPECT_EQ(keep_of(good, made, 3), (Rows{0, 1, 4}));
  for (const Rows& rows :
       {Rows{0}, Rows{0, 2, 3}, Rows{2, 2}, Rows{1, 2}, Rows{2, 5}, Rows{-1, 2}, Rows{2, 6}}) {
    Careless bad(rows);
    EXPECT_THROW((void)keep_of(bad, made, 3), Error);
  }
}

}  // namespace
}  // namespace sluice::policy

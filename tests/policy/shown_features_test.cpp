#include "policy/shown_features.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

using Row = std::vector<double>;

double change_between(const Row& a, const Row& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    dot += a[d] * b[d];
    aa += a[d] * a[d];
    bb += b[d] * b[d];
  }
  if (aa == 0 || bb == 0) return aa == bb ? 0 : 1;
  return std::min(1.0, std::max(0.0, 1 - dot / std::sqrt(aa * bb)));
}

/// What is offered in one tick.
struct Offer {
  std::vector<std::int64_t> keys;
  std::vector<Row> rows;
  std::vector<std::uint8_t> finite;
  std::vector<std::int32_t> sent;
  kernels::Tensor features;

  [[nodiscard]] std::pair<std::int64_t, kernels::DType> layout() const {
    return {features.size(1), features.dtype()};
  }
};

Offer random_offer(test::Random& random, std::int64_t most, std::int64_t width,
                   kernels::DType dtype) {
  Offer offer;
  const std::int64_t n = random.integer(0, most);
  auto values = test::random_clip(random, {1, n, width}, {.zero = 0.05});
  const float scale = random.chance(0.1) ? 1e18F : random.chance(0.1) ? 1e-18F : 1.0F;
  if (dtype == kernels::DType::f32)
    for (auto& value : values) value *= scale;  // squares that f32 can't hold
  for (std::int64_t i = 0; i < n; ++i) {
    offer.keys.push_back(random.integer(0, most));  // some twice, in any order
    offer.finite.push_back(random.chance(0.9) ? 1 : 0);
    if (offer.finite.back() == 0)
      values[static_cast<std::size_t>(i * width)] = std::numeric_limits<float>::infinity();
    if (random.chance(0.3)) offer.sent.push_back(static_cast<std::int32_t>(i));
  }
  if (random.chance(0.3)) std::sort(offer.keys.begin(), offer.keys.end());
  auto clip = test::clip_tensor(values, {1, n, width}, dtype);
  offer.features.copy_from(clip.view()[0]);
  const auto widened = [&](std::int64_t i, std::int64_t d) {
    const auto at = static_cast<std::size_t>(i * width + d);
    return dtype == kernels::DType::f32
               ? static_cast<double>(offer.features.as<float>()[at])
               : static_cast<double>(kernels::to_float(offer.features.as<kernels::Bfloat16>()[at]));
  };
  for (std::int64_t i = 0; i < n; ++i) {
    Row& row = offer.rows.emplace_back();
    for (std::int64_t d = 0; d < width; ++d) row.push_back(widened(i, d));
  }
  return offer;
}

/// The definition, with a map.
struct Oracle {
  std::map<std::int64_t, Row> shown;
  std::pair<std::int64_t, kernels::DType> layout = {40, kernels::DType::f32};

  [[nodiscard]] double change(const Offer& offer, std::size_t row) const {
    const auto known = shown.find(offer.keys[row]);
    if (known == shown.end() || offer.finite[row] == 0 || layout != offer.layout()) return -1;
    return change_between(known->second, offer.rows[row]);
  }

  void record(const Offer& offer) {
    if (layout != offer.layout()) shown.clear();
    layout = offer.layout();
    std::map<std::int64_t, Row> next;
    std::set<std::int64_t> taken;  // keys of which a row was sent
    for (std::size_t row = 0; row < offer.keys.size(); ++row)
      if (shown.contains(offer.keys[row])) next[offer.keys[row]] = shown[offer.keys[row]];
    for (const bool is_sent : {true, false})
      for (std::size_t row = 0; row < offer.keys.size(); ++row) {
        const auto key = offer.keys[row];
        const bool was_sent =
            std::count(offer.sent.begin(), offer.sent.end(), static_cast<std::int32_t>(row)) > 0;
        if (offer.finite[row] == 0 || was_sent != is_sent) continue;
        if (is_sent && taken.insert(key).second) next[key] = offer.rows[row];
        if (!is_sent) next.emplace(key, offer.rows[row]);
      }
    shown = next;
  }
};

TEST(ShownFeatures, AgreeWithTheDefinition) {
  test::Random random(951);
  kernels::Resources resources(1);
  constexpr std::int64_t most = 24;
  for (std::int64_t round = 0; round < test::cases(2'000); ++round) {
    ShownFeatures shown(most, 40);
    Oracle oracle;
    std::int64_t width = random.integer(1, 40);
    auto dtype = kernels::DType::f32;
    for (int tick = 0; tick < 12; ++tick) {
      if (random.chance(0.1)) {
        width = random.integer(1, 40);
        dtype = random.chance(0.5) ? kernels::DType::f32 : kernels::DType::bf16;
      }
      if (random.chance(0.05)) {
        shown.clear();
        oracle.shown.clear();
      }
      const Offer offer = random_offer(random, most, width, dtype);
      std::vector<float> change(offer.keys.size());
      shown.compare(resources, offer.features, offer.keys, offer.finite, change);
      for (std::size_t row = 0; row < change.size(); ++row)
        ASSERT_NEAR(change[row], oracle.change(offer, row), 1e-5)
            << "round " << round << ", tick " << tick << ", row " << row;
      if (random.chance(0.9)) {  // a packet that didn't leave is not remembered
        shown.record(resources, offer.features, offer.keys, offer.finite, offer.sent);
        oracle.record(offer);
      }
    }
  }
}

TEST(ShownFeatures, AreTheSameEverywhere) {
  test::Random random(952);
  const Offer first = random_offer(random, 60, 333, kernels::DType::f32);
  Offer second = random_offer(random, 60, 333, kernels::DType::f32);
  std::vector<float> reference;
  for (const auto set : kernels::available_instruction_sets())
    for (const int threads : {1, 3}) {
      kernels::Resources resources(threads, set);
      ShownFeatures shown(64, 333);
      shown.record(resources, first.features, first.keys, first.finite, first.sent);
      std::vector<float> change(second.keys.size());
      shown.compare(resources, second.features, second.keys, second.finite, change);
      if (reference.empty()) reference = change;
      EXPECT_EQ(change, reference);
    }
}

}  // namespace
}  // namespace sluice::policy

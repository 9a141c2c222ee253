#include "stream/token_batch.h"

#include <limits>

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

TokenBatch valid_batch() {
  return std::move(test::sample_packet().batches[0]);
}

template <typename Damage>
std::string complaint(Damage&& damage) {
  TokenBatch batch = valid_batch();
  damage(batch);
  const std::string message = test::input_error_of([&] { validate(batch, "here"); });
  EXPECT_CONTAINS(message, "here");
  return message;
}

TEST(TokenBatch, AcceptsWhatIsConsistent) {
  validate(valid_batch(), "here");
  validate(TokenBatch{}, "here");
}

TEST(TokenBatch, NamesWhatIsNot) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.id = ""; }), "source id");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.id = "a/b"; }), "\"a/b\"");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.id = "a,b"; }), "\"a,b\"");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.grid_rows = 0; }), "grid");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.grid_rows = -2; }), "grid");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.grid_rows = b.source.grid_cols = 65536; }),
                  "positions");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.image_width = -1; }), "image size");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.intrinsics->fx = 0; }), "intrinsics");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.intrinsics->cx = nan; }), "intrinsics");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { (*b.source.pose)[3] = nan; }), "pose");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.source.feature_width = 3; }), "width");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) {
                    b.features = kernels::Tensor(kernels::DType::f64, {3, 2});
                  }),
                  "f64");
  EXPECT_CONTAINS(
      complaint([](TokenBatch& b) { b.features = kernels::Tensor(kernels::DType::f32, {6}); }),
      "[6]");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.features = {}; }), "entries");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.xyz.resize(3); }), "xyz has 3 entries");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.frame_last[1] = 4; }), "token 1");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.position[2] = 6; }), "token 2");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.position[2] = -1; }), "token 2");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.weight[0] = 0; }), "weight");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.pts[0] = nan; }), "finite");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.pts_last[0] = nan; }), "finite");
}

TEST(TokenBatch, ChosenRowsComeBeforeHeldOnesAndPadding) {
  const auto accepts = [](std::vector<std::uint8_t> valid, std::vector<std::uint8_t> held) {
    TokenBatch batch = valid_batch();
    batch.valid = std::move(valid);
    batch.held = std::move(held);
    validate(batch, "here");
  };
  accepts({1, 1, 1}, {});
  accepts({0, 0, 0}, {0, 0, 0});
  accepts({1, 1, 0}, {0, 1, 0});
  accepts({}, {0, 1, 1});
  accepts({1, 1, 1}, {1, 1, 1});
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.valid = {1, 0, 1}; }), "row 2 is out of order");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.held = {1, 0, 0}; }), "row 1 is out of order");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.valid = {1, 1, 2}; }), "0 or 1");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) { b.held = {0, 0, 3}; }), "0 or 1");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) {
                    b.valid = {1, 1, 0};
                    b.held = {0, 0, 1};
                  }),
                  "row 2 is held and not valid");
}

TEST(TokenBatch, OnlyPaddingStandsForNothing) {
  TokenBatch batch = valid_batch();
  batch.valid = {1, 1, 0};
  batch.weight[2] = 0;
  validate(batch, "here");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) {
                    b.valid = {1, 1, 0};
                    b.weight[1] = 0;
                  }),
                  "weight");
  EXPECT_CONTAINS(complaint([](TokenBatch& b) {
                    b.valid = {1, 1, 0};
                    b.weight[2] = -1;
                  }),
                  "weight");
}

TEST(TokenBatch, EveryColumnMustHaveAnEntryPerToken) {
  int columns = 0;
  TokenBatch probe;
  for_each_column(probe, [&](std::string_view, auto&, std::size_t) { ++columns; });
  for (int damaged = 0; damaged < columns; ++damaged) {
    const std::string message = complaint([&](TokenBatch& batch) {
      int column = 0;
      for_each_column(batch, [&](std::string_view, auto& values, std::size_t width) {
        if (column++ == damaged) values.resize(width * 4);
      });
    });
    EXPECT_CONTAINS(message, "entries");
  }
}

}  // namespace
}  // namespace sluice::stream

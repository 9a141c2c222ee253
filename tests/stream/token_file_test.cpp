#include "stream/token_file.h"

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using test::input_error_of;
using test::TemporaryFolder;

/// 3 tokens kept of 3 frames with 2 positions.
TokenFile sample() {
  TokenFile file;
  file.source.id = "camera";
  file.source.grid_rows = 1;
  file.source.grid_cols = 2;
  file.source.feature_width = 2;
  file.features = kernels::Tensor::from<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  file.frame = {0, 0, 2};
  file.frame_last = {1, 0, 2};
  file.position = {1, 0, 1};
  file.weight = {2, 1, 1};
  file.kind = {0, 1, 1};
  file.pts = {0.0, 0.0, 0.5};
  file.segments = {0, 1, 2, 2};
  file.assignment = {1, 0, -1, 0, -1, 2};
  file.frames = 3;
  file.positions = 2;
  file.metadata = {{"tau", "0.8"}};
  return file;
}

TEST(TokenFile, RoundTripKeepsEverything) {
  const TemporaryFolder folder;
  const TokenFile sent = sample();
  write_token_file(folder / "tokens.safetensors", sent);
  const TokenFile got = read_token_file(folder / "tokens.safetensors");
  EXPECT_EQ(got.features.shape(), sent.features.shape());
  EXPECT_EQ(got.features.as<float>()[5], 6.0F);
  EXPECT_EQ(got.frame, sent.frame);
  EXPECT_EQ(got.frame_last, sent.frame_last);
  EXPECT_EQ(got.position, sent.position);
  EXPECT_EQ(got.weight, sent.weight);
  EXPECT_EQ(got.kind, sent.kind);
  EXPECT_EQ(got.pts, sent.pts);
  EXPECT_EQ(got.segments, sent.segments);
  EXPECT_EQ(got.assignment, sent.assignment);
  EXPECT_EQ(got.frames, 3);
  EXPECT_EQ(got.positions, 2);
  EXPECT_EQ(got.source.grid_cols, 2);
  EXPECT_EQ(got.metadata.at("tau"), "0.8");
  write_token_file(folder / "again.safetensors", got);
  EXPECT_EQ(test::read_all(folder / "again.safetensors"),
            test::read_all(folder / "tokens.safetensors"));
}

TEST(TokenFile, HasTheTensorsOfTheSpecification) {
  const TemporaryFolder folder;
  write_token_file(folder / "tokens.safetensors", sample());
  const SafetensorsFile file(folder / "tokens.safetensors");
  const auto expect = [&](const char* name, kernels::DType dtype, const kernels::Shape& shape) {
    EXPECT_EQ(file.contents().view(name).dtype(), dtype) << name;
    EXPECT_EQ(file.contents().view(name).shape(), shape) << name;
  };
  using kernels::DType;
  expect("features", DType::f32, {3, 2});
  expect("frame", DType::i32, {3});
  expect("frame_last", DType::i32, {3});
  expect("position", DType::i32, {3});
  expect("weight", DType::i64, {3});
  expect("kind", DType::u8, {3});
  expect("pts", DType::f64, {3});
  expect("segments", DType::i32, {2, 2});
  expect("assignment", DType::i32, {3, 2});
  EXPECT_EQ(file.contents().names().size(), 9U);
}

TEST(TokenFile, NoTokensIsFine) {
  const TemporaryFolder folder;
  TokenFile file;
  file.source.feature_width = 4;
  file.features = kernels::Tensor(kernels::DType::f16, {0, 4});
  file.segments = {0, 0};
  file.assignment = {-1, -1};
  file.frames = 1;
  file.positions = 2;
  write_token_file(folder / "none.safetensors", file);
  EXPECT_EQ(read_token_file(folder / "none.safetensors").features.shape(), (kernels::Shape{0, 4}));
}

TEST(TokenFile, InconsistentContentsAreNotWritten) {
  const TemporaryFolder folder;
  const auto complaint = [&](auto&& damage) {
    TokenFile file = sample();
    damage(file);
    const std::string message =
        input_error_of([&] { write_token_file(folder / "tokens.safetensors", file); });
    EXPECT_CONTAINS(message, "tokens.safetensors");
    return message;
  };
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.frame.pop_back(); }), "frame has 2");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.kind.clear(); }), "kind has 0");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.pts.pop_back(); }), "pts has 2");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.frame_last[0] = 3; }), "frame of row 0");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.frame[0] = 2; }), "frame of row 0");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.position[2] = 2; }), "position of row 2");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.weight[1] = 0; }), "weight of row 1");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.segments[1] = 3; }), "segments of row 0");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.segments.pop_back(); }), "segments");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.assignment[4] = 3; }), "assignment of row 4");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.assignment.pop_back(); }), "assignment has 5");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.features = {}; }), "features");
  EXPECT_EQ(folder.file_count(), 0U);
}

TEST(TokenFile, OtherFilesAreRejected) {
  const TemporaryFolder folder;
  write_safetensors(folder / "other.safetensors", {}, {});
  EXPECT_CONTAINS(input_error_of([&] { (void)read_token_file(folder / "other.safetensors"); }),
                  "sluice.message");
}

}  // namespace
}  // namespace sluice::stream

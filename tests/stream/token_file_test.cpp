#include "stream/token_file.h"

#include <cmath>
#include <limits>

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

/// 2 voxel tokens kept of 2 frames with 3 patches.
TokenFile voxel_sample() {
  TokenFile file;
  file.space = TokenSpace::world;
  file.source.id = "head";
  file.source.grid_rows = 1;
  file.source.grid_cols = 3;
  file.source.feature_width = 2;
  file.features = kernels::Tensor::from<float>(std::vector<float>{1, 2, 3, 4}, {2, 2});
  file.frame = {0, 1};
  file.frame_last = {1, 1};
  file.weight = {3, 1};
  file.kind = {2, 2};
  file.pts = {0.0, 0.5};
  file.xyz = {0.1F, 0.2F, 0.3F, -1, -2, -3};
  file.key = {7, 9};
  file.views = {2, 1};
  file.score = {0.5F, std::numeric_limits<float>::quiet_NaN()};
  file.reason = {8, 11};
  file.assignment = {0, 0, -5, 0, 1, -1};
  file.frames = 2;
  file.positions = 3;
  return file;
}

/// The same, but of clouds: 2 elements, then 4.
TokenFile cloud_sample() {
  TokenFile file = voxel_sample();
  file.source.grid_rows = file.source.grid_cols = 0;
  file.positions = 0;
  file.frame_first = {0, 2, 6};
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

TEST(TokenFile, RoundTripOfVoxelTokensKeepsEverything) {
  for (const TokenFile& sent : {voxel_sample(), cloud_sample()}) {
    const TemporaryFolder folder;
    write_token_file(folder / "tokens.safetensors", sent);
    const TokenFile got = read_token_file(folder / "tokens.safetensors");
    EXPECT_EQ(got.space, TokenSpace::world);
    EXPECT_EQ(got.features.shape(), sent.features.shape());
    EXPECT_EQ(got.frame, sent.frame);
    EXPECT_EQ(got.frame_last, sent.frame_last);
    EXPECT_EQ(got.weight, sent.weight);
    EXPECT_EQ(got.kind, sent.kind);
    EXPECT_EQ(got.pts, sent.pts);
    EXPECT_EQ(got.xyz, sent.xyz);
    EXPECT_EQ(got.key, sent.key);
    EXPECT_EQ(got.views, sent.views);
    EXPECT_EQ(got.score[0], sent.score[0]);
    EXPECT_TRUE(std::isnan(got.score[1]));
    EXPECT_EQ(got.reason, sent.reason);
    EXPECT_EQ(got.assignment, sent.assignment);
    EXPECT_EQ(got.frames, sent.frames);
    EXPECT_EQ(got.positions, sent.positions);
    EXPECT_EQ(got.frame_first, sent.frame_first);
    EXPECT_TRUE(got.position.empty());
    EXPECT_TRUE(got.segments.empty());
    write_token_file(folder / "again.safetensors", got);
    EXPECT_EQ(test::read_all(folder / "again.safetensors"),
              test::read_all(folder / "tokens.safetensors"));
  }
}

TEST(TokenFile, VoxelTokensHaveTheTensorsOfTheSpecification) {
  const TemporaryFolder folder;
  write_token_file(folder / "tokens.safetensors", cloud_sample());
  const SafetensorsFile file(folder / "tokens.safetensors");
  const auto expect = [&](const char* name, kernels::DType dtype, const kernels::Shape& shape) {
    EXPECT_EQ(file.contents().view(name).dtype(), dtype) << name;
    EXPECT_EQ(file.contents().view(name).shape(), shape) << name;
  };
  using kernels::DType;
  expect("xyz", DType::f32, {2, 3});
  expect("key", DType::i64, {2});
  expect("views", DType::i32, {2});
  expect("score", DType::f32, {2});
  expect("reason", DType::u8, {2});
  expect("assignment", DType::i32, {6});
  expect("frame_first", DType::i64, {3});
  EXPECT_FALSE(file.contents().contains("position"));
  EXPECT_FALSE(file.contents().contains("segments"));
  EXPECT_EQ(file.contents().metadata().at("sluice.requires"), "spatial");
}

TEST(TokenFile, FilesOfTheFirstSchemaAreRead) {
  const TemporaryFolder folder;
  write_token_file(folder / "tokens.safetensors", sample());
  const SafetensorsFile file(folder / "tokens.safetensors");
  EXPECT_FALSE(file.contents().metadata().contains("sluice.requires"));
  Metadata metadata = file.contents().metadata();
  metadata["sluice.schema"] = "1.0";
  std::vector<NamedTensor> tensors;
  for (const std::string_view name : file.contents().names())
    tensors.push_back({std::string(name), file.contents().view(name)});
  write_safetensors(folder / "old.safetensors", tensors, metadata);
  const TokenFile got = read_token_file(folder / "old.safetensors");
  EXPECT_EQ(got.space, TokenSpace::grid);
  EXPECT_EQ(got.position, sample().position);
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

TEST(TokenFile, InconsistentVoxelTokensAreNotWritten) {
  const TemporaryFolder folder;
  const auto complaint = [&](auto&& damage) {
    TokenFile file = cloud_sample();
    damage(file);
    return input_error_of([&] { write_token_file(folder / "tokens.safetensors", file); });
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.xyz.pop_back(); }), "xyz has 5");
  EXPECT_CONTAINS(complaint([&](TokenFile& f) { f.xyz[4] = nan; }), "xyz of row 1");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.key[1] = 7; }), "key of row 1");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.key[0] = -1; }), "key of row 0");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.views[1] = 0; }), "views of row 1");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.reason.clear(); }), "reason has 0");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.position = {0, 0}; }), "position");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.frame_first[1] = 7; }), "frame_first");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.frame_first.back() = 5; }), "frame_first");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.frame_first.pop_back(); }), "frame_first");
  EXPECT_CONTAINS(complaint([](TokenFile& f) { f.positions = 3; }), "positions");
  TokenFile grid = sample();
  grid.views = {1, 1, 1};
  EXPECT_CONTAINS(input_error_of([&] { write_token_file(folder / "tokens.safetensors", grid); }),
                  "views");
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

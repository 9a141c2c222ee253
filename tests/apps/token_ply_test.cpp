// The point file: what its header promises, read back byte by byte.
#include "apps/token_ply.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "apps/report/spatial_statistics.h"
#include "tests/apps/synthetic_spatial_trace.h"

namespace sluice::apps {
namespace {

using report::SpatialFate;

struct Vertex {
  float x, y, z;
  std::uint8_t red, green, blue, fate, reason;
  std::int32_t weight;
};

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<Vertex> vertices_of(const std::string& text) {
  constexpr std::size_t bytes = 3 * 4 + 5 + 4;
  const std::size_t begin = text.find("end_header\n") + 11;
  EXPECT_EQ((text.size() - begin) % bytes, 0U);
  std::vector<Vertex> vertices;
  for (std::size_t at = begin; at < text.size(); at += bytes) {
    Vertex vertex{};
    std::memcpy(&vertex.x, &text[at], 12);
    std::memcpy(&vertex.red, &text[at + 12], 5);
    std::memcpy(&vertex.weight, &text[at + 17], 4);
    vertices.push_back(vertex);
  }
  return vertices;
}

TEST(TokenPly, HoldsEveryVoxelAndTheMergedPatches) {
  const auto path = std::filesystem::path(testing::TempDir()) / "sluice-token-ply-test.ply";
  const auto trace = test::synthetic_spatial_trace({.frames = 20, .rows = 10, .cols = 10});
  write_token_ply(trace, path);
  const std::string text = read_all(path);
  std::filesystem::remove(path);
  EXPECT_EQ(text.rfind("ply\nformat binary_little_endian 1.0\n", 0), 0U);
  const auto vertices = vertices_of(text);
  EXPECT_NE(text.find("element vertex " + std::to_string(vertices.size()) + "\n"),
            std::string::npos);

  std::map<SpatialFate, std::int64_t> count, weight;
  for (const Vertex& vertex : vertices) {
    const auto fate = static_cast<SpatialFate>(vertex.fate);
    ++count[fate];
    weight[fate] += vertex.weight;
    EXPECT_TRUE(std::isfinite(vertex.x + vertex.y + vertex.z));
    if (fate == SpatialFate::kept) {
      const auto& style = report::style_of(vertex.reason);
      EXPECT_EQ((report::Colour{vertex.red, vertex.green, vertex.blue}), style.colour);
    }
  }
  const auto counts = report::count(trace);
  ASSERT_GT(counts.voxels_ever, counts.voxels);
  EXPECT_EQ(count[SpatialFate::kept], counts.kept);
  EXPECT_EQ(count[SpatialFate::dropped], counts.voxels - counts.kept);
  EXPECT_EQ(count[SpatialFate::gone], counts.voxels_ever - counts.voxels);
  EXPECT_EQ(weight[SpatialFate::kept], counts.in_tokens);
  std::int64_t merged = 0;
  for (const auto& voxel : trace.voxels)
    if (voxel.fate >= 0 && voxel.weight > 1) merged += voxel.weight;
  ASSERT_GT(merged, 0);
  EXPECT_EQ(count[SpatialFate::merged], merged);
  EXPECT_EQ(weight[SpatialFate::merged], merged);
}

TEST(TokenPly, AnEmptyMapGivesAnEmptyCloud) {
  const auto path = std::filesystem::path(testing::TempDir()) / "sluice-empty-ply-test.ply";
  write_token_ply(test::synthetic_spatial_trace({.poses = false}), path);
  const std::string text = read_all(path);
  std::filesystem::remove(path);
  EXPECT_NE(text.find("element vertex 0\n"), std::string::npos);
  EXPECT_TRUE(vertices_of(text).empty());
}

}  // namespace
}  // namespace sluice::apps

#include "stream/open3d/cloud_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/open3d/pcd_file.h"
#include "stream/open3d/ply_file.h"
#include "tests/io/temporary_folder.h"
#include "tests/open3d/cloud_bytes.h"

namespace sluice::stream {
namespace {

using test::PcdKind;
using test::PlyKind;

PointCloud ply(const std::string& bytes) {
  PointCloud cloud;
  parse_ply(bytes, "test.ply", cloud);
  return cloud;
}

PointCloud pcd(const std::string& bytes) {
  PointCloud cloud;
  parse_pcd(bytes, "test.pcd", cloud);
  return cloud;
}

/// The message of the error that `parse` must throw.
std::string refusal(const std::function<void()>& parse) {
  try {
    parse();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::input);
    return error.what();
  }
  ADD_FAILURE() << "was not refused";
  return {};
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_equal(const PointCloud& read, const PointCloud& written, const std::string& what) {
  EXPECT_EQ(read.xyz, written.xyz) << what;
  EXPECT_EQ(read.rgb, written.rgb) << what;
}

TEST(CloudFile, EveryKindReadsBackAsWritten) {
  test::Random random(71);
  for (const bool coloured : {false, true})
    for (const std::int64_t points : {1, 2, 300}) {
      const PointCloud cloud = test::random_cloud(random, points, coloured);
      for (const PlyKind kind : {PlyKind::ascii, PlyKind::little, PlyKind::big})
        expect_equal(ply(test::ply_bytes(cloud, kind)), cloud, "ply");
      for (const PcdKind kind : {PcdKind::ascii, PcdKind::binary, PcdKind::compressed})
        for (const bool rgb_as_float : {true, false})
          expect_equal(pcd(test::pcd_bytes(cloud, kind, rgb_as_float)), cloud, "pcd");
    }
}

TEST(CloudFile, CompressedRunsUnpack) {
  PointCloud cloud;
  cloud.xyz.assign(900, 1.5F);
  cloud.rgb.assign(900, 200);
  expect_equal(pcd(test::pcd_bytes(cloud, PcdKind::compressed)), cloud, "runs");
}

TEST(CloudFile, ColoursOfEveryType) {
  const auto with = [](const std::string& type, const std::string& colour) {
    return ply("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
               "property float z\nproperty " +
               type + " red\nproperty " + type + " green\nproperty " + type +
               " blue\nend_header\n1 2 3 " + colour + "\n")
        .rgb;
  };
  using Rgb = std::vector<std::uint8_t>;
  EXPECT_EQ(with("uchar", "255 128 0"), (Rgb{255, 128, 0}));
  EXPECT_EQ(with("float", "1 0.5 0"), (Rgb{255, 128, 0}));
  EXPECT_EQ(with("double", "1.5 nan -1"), (Rgb{255, 0, 0}));
  EXPECT_EQ(with("ushort", "65535 32896 0"), (Rgb{255, 128, 0}));
}

TEST(CloudFile, ElementsAndListsBeforeTheVerticesAreSkipped) {
  const std::string ascii =
      "ply\r\nformat ascii 1.0\r\nelement face 2\r\nproperty list uchar int indices\r\n"
      "element vertex 2\r\nproperty list uchar float weights\r\nproperty double z\r\n"
      "property short y\r\nproperty float x\r\nend_header\r\n3 0 1 2\r\n0\r\n2 9 9 3 2 1\r\n0 6 5 "
      "4\r\n";
  EXPECT_EQ(ply(ascii).xyz, (std::vector<float>{1, 2, 3, 4, 5, 6}));

  std::string binary =
      "ply\nformat binary_little_endian 1.0\nelement face 1\nproperty list uchar int indices\n"
      "element vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n";
  test::append_number(binary, std::uint8_t{2});
  test::append_number(binary, std::int32_t{0});
  test::append_number(binary, std::int32_t{1});
  for (const float value : {1.0F, 2.0F, 3.0F}) test::append_number(binary, value);
  EXPECT_EQ(ply(binary).xyz, (std::vector<float>{1, 2, 3}));
}

TEST(CloudFile, PointsThatAreNotFiniteAreKept) {
  const PointCloud read =
      pcd("FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 3\nHEIGHT 1\nDATA ascii\n"
          "nan nan nan\n1 2 3\n-inf +4 1e3\n");
  EXPECT_TRUE(std::isnan(read.xyz[0]));
  EXPECT_EQ(read.xyz[6], -INFINITY);
  EXPECT_EQ(read.xyz[7], 4);
  EXPECT_EQ(read.xyz[8], 1000);
}

TEST(CloudFile, TruncatedFilesAreRefused) {
  test::Random random(72);
  const PointCloud cloud = test::random_cloud(random, 20, true);
  const auto every_cut = [](const std::string& whole, std::size_t body, auto&& parse) {
    // The last value of a text may lose digits and stay a number.
    for (std::size_t size = 0; size + body < whole.size(); ++size)
      EXPECT_TRUE(mentions(refusal([&] { parse(whole.substr(0, size)); }), "expected")) << size;
  };
  for (const PlyKind kind : {PlyKind::ascii, PlyKind::little, PlyKind::big})
    every_cut(test::ply_bytes(cloud, kind), kind == PlyKind::ascii ? 4 : 0, ply);
  for (const PcdKind kind : {PcdKind::ascii, PcdKind::binary, PcdKind::compressed})
    every_cut(test::pcd_bytes(cloud, kind), kind == PcdKind::ascii ? 16 : 0, pcd);
}

TEST(CloudFile, SaysWhatIsWrong) {
  const std::string ply_start = "ply\nformat ascii 1.0\nelement vertex 2\n";
  const std::string xyz = "property float x\nproperty float y\nproperty float z\nend_header\n";
  const auto ply_refusal = [](const std::string& bytes) {
    return refusal([&] { (void)ply(bytes); });
  };
  EXPECT_TRUE(mentions(ply_refusal("plx\n"), "does not begin with the line 'ply'"));
  EXPECT_TRUE(mentions(ply_refusal("ply\nformat fancy 1.0\n" + xyz), "line 2"));
  EXPECT_TRUE(mentions(ply_refusal("ply\nelement vertex 2\n" + xyz), "no format line"));
  EXPECT_TRUE(mentions(ply_refusal("ply\nformat ascii 1.0\nend_header\n"), "no vertices"));
  EXPECT_TRUE(mentions(ply_refusal(ply_start + "property float x\nend_header\n1\n2\n"), "no y"));
  EXPECT_TRUE(mentions(ply_refusal(ply_start + xyz + "1 2 3\n4 five 6\n"), "point 1"));
  EXPECT_TRUE(mentions(ply_refusal(ply_start + xyz + "1 2 3\n4 5.25\n"), "2 points"));
  EXPECT_TRUE(mentions(ply_refusal("ply\nformat ascii 1.0\nelement vertex -3\n" + xyz), "line 3"));
  EXPECT_TRUE(
      mentions(ply_refusal("ply\nformat ascii 1.0\nelement vertex 4000000000\n" + xyz), "2^31"));
  EXPECT_TRUE(
      mentions(ply_refusal("ply\nformat ascii 1.0\nelement vertex 2000000000\n" + xyz + "1 2 3"),
               "too short"))
      << "nothing may be reserved on a header's word";

  const auto pcd_refusal = [](const std::string& bytes) {
    return refusal([&] { (void)pcd(bytes); });
  };
  const std::string fields = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\n";
  EXPECT_TRUE(mentions(pcd_refusal("\x7f"
                                   "ELF"),
                       "no DATA line"));
  EXPECT_TRUE(mentions(pcd_refusal("DATA ascii\n"), "POINTS") ||
              mentions(pcd_refusal("DATA ascii\n"), "WIDTH"));
  EXPECT_TRUE(mentions(pcd_refusal(fields + "POINTS 1\nDATA zipped\n"), "zipped"));
  EXPECT_TRUE(
      mentions(pcd_refusal("FIELDS x y\nSIZE 4 4\nTYPE F F\nPOINTS 1\nDATA ascii\n1 2\n"), "no z"));
  EXPECT_TRUE(
      mentions(pcd_refusal("FIELDS x y z\nSIZE 4 4\nTYPE F F F\nPOINTS 1\nDATA ascii\n1 2 3\n"),
               "differ in length"));
  EXPECT_TRUE(mentions(pcd_refusal(fields + "POINTS two\nDATA ascii\n1 2 3\n"), "POINTS is 'two'"));
  EXPECT_TRUE(mentions(pcd_refusal(fields + "POINTS 2\nDATA ascii\n1 2 3\n4 x 6\n"), "point 1"));
  EXPECT_TRUE(mentions(pcd_refusal(fields + "POINTS 2000000000\nDATA binary\n123"), "too short"));
  EXPECT_TRUE(
      mentions(pcd_refusal("FIELDS x y z a\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 99999999\n"
                           "POINTS 1\nDATA binary\n123"),
               "COUNT 99999999"));
}

/// Whatever the bytes are: points or an error, no crash, and no memory that the file does not pay
/// for.
TEST(CloudFile, DamagedBytesAreReadOrRefused) {
  test::Random random(73);
  std::vector<std::string> files;
  for (const bool coloured : {false, true}) {
    const PointCloud cloud = test::random_cloud(random, 12, coloured);
    for (const PlyKind kind : {PlyKind::ascii, PlyKind::little, PlyKind::big})
      files.push_back(test::ply_bytes(cloud, kind));
    for (const PcdKind kind : {PcdKind::ascii, PcdKind::binary, PcdKind::compressed})
      files.push_back(test::pcd_bytes(cloud, kind));
  }
  for (std::int64_t round = 0; round < test::cases(400'000); ++round) {
    std::string bytes = files[static_cast<std::size_t>(random.integer(0, 11))];
    const bool is_ply = bytes.starts_with("ply");
    for (std::int64_t n = random.integer(1, 4); n > 0; --n) {
      const auto at =
          static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(bytes.size()) - 1));
      if (random.chance(0.6))
        bytes[at] = static_cast<char>(random.integer(0, 255));
      else if (random.chance(0.5))
        bytes.insert(at, 1, static_cast<char>(random.integer('0', '9')));
      else
        bytes.erase(at, static_cast<std::size_t>(random.integer(1, 20)));
      if (bytes.empty()) break;
    }
    PointCloud cloud;
    try {
      if (is_ply)
        parse_ply(bytes, "test", cloud);
      else
        parse_pcd(bytes, "test", cloud);
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), Error::Kind::input) << "seed 73 round " << round;
    }
    ASSERT_LE(cloud.xyz.capacity(), 3 * bytes.size()) << "seed 73 round " << round;
  }
}

TEST(CloudFile, ReadsFilesByTheirExtension) {
  const test::TemporaryFolder folder;
  test::Random random(74);
  const PointCloud cloud = test::random_cloud(random, 5, true);
  test::write_file(folder.file("a.PLY"), test::ply_bytes(cloud, PlyKind::little));
  test::write_file(folder.file("a.pcd"), test::pcd_bytes(cloud, PcdKind::binary));
  test::write_file(folder.file("a.obj"), "v 1 2 3\n");
  test::write_file(folder.file("empty.ply"), "");
  PointCloud read;
  read_cloud(folder.file("a.PLY"), read);
  expect_equal(read, cloud, "PLY");
  read_cloud(folder.file("a.pcd"), read);
  expect_equal(read, cloud, "pcd");
  for (const char* name : {"a.obj", "missing.ply", "empty.ply"}) {
    const std::string path = folder.file(name);
    EXPECT_TRUE(mentions(refusal([&] { read_cloud(path, read); }), path)) << "names the file";
    EXPECT_TRUE(read.xyz.empty() && read.rgb.empty());
  }
}

}  // namespace
}  // namespace sluice::stream

#include "stream/file_sequence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

TEST(FileSequence, NumbersInNamesCompareAsNumbers) {
  const std::vector<std::string> order{
      "",      "a",   "a1", "a01b",      "a2",         "a2b3",
      "a2b11", "a10", "b",  "frame-9.x", "frame-10.x", "frame-99999999999999999999.x"};
  for (std::size_t i = 0; i < order.size(); ++i)
    for (std::size_t j = 0; j < order.size(); ++j)
      EXPECT_EQ(natural_less(order[i], order[j]), i < j) << order[i] << " and " << order[j];
  EXPECT_NE(natural_less("a01", "a1"), natural_less("a1", "a01")) << "never both equal";
}

TEST(FileSequence, FindsRegularFiles) {
  const test::TemporaryFolder folder;
  for (const char* name : {"b10.x", "b9.x", "c.y"}) std::ofstream(folder.file(name)) << name;
  fs::create_directory(folder.file("b1.x"));
  auto found = files_matching(folder.file("b*.x"));
  sort_naturally(found);
  EXPECT_EQ(found, (std::vector<fs::path>{folder.file("b9.x"), folder.file("b10.x")}));
  EXPECT_EQ(files_in(folder.path()).size(), 3U);
  EXPECT_TRUE(files_in(folder.file("missing")).empty());
  EXPECT_TRUE(files_matching(folder.file("q*")).empty());
}

TEST(FileSequence, SeveralSeriesAreRefused) {
  const fs::path folder = "recording";
  EXPECT_NO_THROW(require_one_series(folder, {"a-1.png", "a-2.png", "title.png"}, "one series"));
  try {
    require_one_series(folder, {"a-1.png", "a-2.png", "b-1.png", "b-2.png"}, "one series");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "recording: holds several series: a-#.png (2 files), b-#.png (2 files); "
                 "expected one series");
  }
}

}  // namespace
}  // namespace sluice::stream

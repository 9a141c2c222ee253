#include "stream/grid.h"

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

TEST(Grid, ParsesRowsAndColumns) {
  EXPECT_EQ(parse_grid("14,14", "--grid"), (Grid{14, 14}));
  EXPECT_EQ(parse_grid("1,2147483647", "--grid"), (Grid{1, 2147483647}));
}

TEST(Grid, RejectsAnythingElse) {
  for (const char* text : {"", "14", "14,", ",14", "14x14", "14,14,1", " 14,14", "14, 14", "0,5",
                           "5,0", "-1,-1", "65536,65536", "99999999999,1", "1.5,2"}) {
    const std::string message = test::input_error_of([&] { (void)parse_grid(text, "--grid"); });
    EXPECT_CONTAINS(message, "--grid");
  }
}

TEST(Grid, SquarestFactorisation) {
  EXPECT_EQ(squarest_grid(196), (Grid{14, 14}));
  EXPECT_EQ(squarest_grid(169), (Grid{13, 13}));
  EXPECT_EQ(squarest_grid(12), (Grid{3, 4}));
  EXPECT_EQ(squarest_grid(7), (Grid{1, 7}));
  EXPECT_EQ(squarest_grid(1), (Grid{1, 1}));
  EXPECT_EQ(squarest_grid(2147483647), (Grid{1, 2147483647}));  // a prime
  for (std::int32_t positions = 1; positions <= 2000; ++positions) {
    const Grid grid = squarest_grid(positions);
    ASSERT_EQ(grid.rows * grid.cols, positions);
    ASSERT_LE(grid.rows, grid.cols);
    for (std::int32_t rows = grid.rows + 1; rows * rows <= positions; ++rows)
      ASSERT_NE(positions % rows, 0) << positions << " has a squarer grid with " << rows;
  }
}

}  // namespace
}  // namespace sluice::stream

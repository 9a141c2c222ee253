#include "kernels/exponential.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

TEST(Exponential, IsWithinOneUnitInTheLastPlace) {
  test::Random random(3203);
  for (int round = 0; round < 200'000; ++round) {
    const double size = std::pow(10.0, random.between(-17, 2.87));
    for (const double x : {-size, size}) {
      const long double exact = std::exp(static_cast<long double>(x));
      const double found = exponential(x);
      if (std::isinf(found)) continue;
      const double unit = std::nextafter(found, std::numeric_limits<double>::infinity()) - found;
      ASSERT_LE(std::fabs(static_cast<double>(exact - static_cast<long double>(found))), unit) << x;
    }
  }
  EXPECT_EQ(exponential(0), 1);
  EXPECT_EQ(exponential(-0.0), 1);
  EXPECT_EQ(exponential(-1e300), 0);
  EXPECT_EQ(exponential(710), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(exponential(std::nan(""))));
  EXPECT_GT(exponential(-745), 0);
}

}  // namespace
}  // namespace sluice::kernels

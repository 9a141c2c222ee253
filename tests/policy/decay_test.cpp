#include "policy/decay.h"

#include <gtest/gtest.h>

#include "kernels/error.h"

namespace sluice::policy {
namespace {

TEST(DecayWeights, NewestIsHeaviest) {  // worked out by hand
  const auto weights = decay_weights(3, 0.8);
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_NEAR(weights[0], 0.4098, 5e-5);
  EXPECT_NEAR(weights[1], 0.3279, 5e-5);
  EXPECT_NEAR(weights[2], 0.2623, 5e-5);
}

TEST(DecayWeights, RefusesWhatIsNoWindow) {
  EXPECT_THROW((void)decay_weights(0, 0.8), Error);
  EXPECT_THROW((void)decay_weights(3, 0), Error);
  EXPECT_THROW((void)decay_weights(3, 1.1), Error);
}

}  // namespace
}  // namespace sluice::policy

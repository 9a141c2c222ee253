#include "stream/open3d/view_tracker.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "kernels/error.h"
#include "tests/open3d/rendered_scene.h"

namespace sluice::stream {
namespace {

/// A sensor on a line, and a matcher that knows the truth but finds it only from nearby guesses.
struct View {
  double x = 0;
  bool good = true;
};

struct Attempt {
  double from, to, guess;
};

class ViewTrackerTest : public testing::Test {
 protected:
  std::vector<Attempt> attempts_;
  double reach_ = 0.05;  ///< metres that a guess may be off
  double view_ = 0.5;    ///< metres after which two views share nothing

  [[nodiscard]] ViewTracker<View> tracker(const TrackingOptions& options = {}) {
    return {options, [this](const View& from, const View& to, const Pose& guess) {
              attempts_.push_back({from.x, to.x, guess[3]});
              ViewMatch match;
              match.motion = test::make_pose({0, 0, 1}, 0, {from.x - to.x, 0, 0});
              match.overlap = std::max(0.0, 1 - std::abs(from.x - to.x) / view_);
              match.found = from.good && to.good && std::abs(guess[3] - (from.x - to.x)) <= reach_;
              return match;
            }};
  }
  static std::optional<double> x_of(const std::optional<Pose>& pose) {
    if (!pose) return std::nullopt;
    return (*pose)[3];
  }
};

TEST_F(ViewTrackerTest, MatchesToAKeyViewAndPredicts) {
  auto tracked = tracker();
  for (int i = 0; i < 8; ++i) EXPECT_NEAR(x_of(tracked.track({0.04 * i})).value(), 0.04 * i, 1e-12);
  ASSERT_EQ(attempts_.size(), 7U) << "each match was found at the first attempt";
  EXPECT_EQ(attempts_[0].guess, 0);
  EXPECT_NEAR(attempts_[1].guess, 0.08, 1e-12) << "goes on as before";
  EXPECT_EQ(attempts_[3].to, 0);
  EXPECT_NEAR(attempts_[4].to, 0.16, 1e-12) << "0.16 m is more than the 0.15 m of a key step";
  EXPECT_EQ(tracked.statistics().key_views, 2);
  EXPECT_EQ(tracked.statistics().tracked, 8);
}

TEST_F(ViewTrackerTest, LittleOverlapMakesAKeyView) {
  TrackingOptions options;
  options.key_step_m = 10;
  view_ = 0.2;
  auto tracked = tracker(options);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(tracked.track({0.04 * i}));
  EXPECT_EQ(tracked.statistics().key_views, 3) << "0.08 m leave 0.6 of the view, below 0.7";
}

TEST_F(ViewTrackerTest, GoesBackToTheLastGoodView) {
  auto tracked = tracker();
  for (int i = 0; i < 3; ++i) (void)tracked.track({0.04 * i});
  EXPECT_FALSE(tracked.track({0.12, false}));
  EXPECT_FALSE(tracked.track({0.16, false}));
  EXPECT_NEAR(x_of(tracked.track({0.1})).value(), 0.1, 1e-12);
  EXPECT_NEAR(attempts_.back().guess + attempts_.back().to, 0.08, 1e-12)
      << "nothing is known of the motion in between";
  EXPECT_EQ(tracked.statistics().views, 6);
  EXPECT_EQ(tracked.statistics().tracked, 4);
}

TEST_F(ViewTrackerTest, ASuddenStopIsFound) {
  auto tracked = tracker();
  for (const double x : {0.0, 0.04, 0.09, 0.15, 0.22, 0.3}) ASSERT_TRUE(tracked.track({x}));
  reach_ = 0.02;
  EXPECT_NEAR(x_of(tracked.track({0.3})).value(), 0.3, 1e-12);
}

TEST_F(ViewTrackerTest, ImplausibleMatchesAreNotBelieved) {
  reach_ = 100;
  view_ = 1000;
  TrackingOptions options;
  options.max_step_m = 0.3;
  auto tracked = tracker(options);
  ASSERT_TRUE(tracked.track({0}));
  EXPECT_FALSE(tracked.track({0.4})) << "too far for one frame";
  EXPECT_TRUE(tracked.track({0.5})) << "but not for two";
  view_ = 0.05;
  EXPECT_FALSE(tracked.track({0.54})) << "an overlap of 0.2";
}

TEST_F(ViewTrackerTest, MatchesThatAreNoRotationsAreNotBelieved) {
  ViewTracker<View> tracked({}, [](const View&, const View&, const Pose&) {
    ViewMatch match{true, identity_pose(), 1};
    match.motion[5] = 1.01;
    return match;
  });
  ASSERT_TRUE(tracked.track({0}));
  EXPECT_FALSE(tracked.track({0}));
}

TEST_F(ViewTrackerTest, AnchorsMoveTheWorld) {
  auto tracked = tracker();
  EXPECT_EQ(x_of(tracked.track({0})), 0);
  const Pose known = test::make_pose({0, 0, 1}, 90, {5, 6, 7});
  EXPECT_EQ(tracked.anchor({0.04}, known), known);
  const Pose next = tracked.track({0.08}).value();
  EXPECT_LT(
      test::pose_error(next, compose(known, test::make_pose({0, 0, 1}, 0, {0.04, 0, 0}))).metres,
      1e-12);
}

TEST_F(ViewTrackerTest, ResetForgets) {
  auto tracked = tracker();
  (void)tracked.track({0});
  (void)tracked.track({0.04});
  tracked.reset();
  EXPECT_EQ(x_of(tracked.track({7})), 0);
  EXPECT_EQ(tracked.statistics().views, 1);
  EXPECT_TRUE(tracked.track({7.04})) << "it still matches";
}

TEST(TrackingOptions, AreChecked) {
  TrackingOptions options;
  EXPECT_NO_THROW(validate(options));
  options.key_overlap = -0.1;
  EXPECT_THROW(validate(options), Error);
  options = {};
  options.max_step_m = 0;
  EXPECT_THROW(validate(options), Error);
}

TEST(RotationDegrees, SmallAndLarge) {
  for (const double degrees : {0.0, 1e-5, 0.5, 60.0, 179.0, 180.0})
    EXPECT_NEAR(rotation_degrees(test::make_pose({1, 2, -3}, degrees, {4, 5, 6})), degrees, 1e-9);
}

}  // namespace
}  // namespace sluice::stream

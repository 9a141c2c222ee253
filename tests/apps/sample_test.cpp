// The rendered sample: known answers for the ray caster, the story it tells, the truth it claims.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "apps/sample/renderer.h"
#include "apps/sample/scene.h"
#include "apps/sample/truth.h"
#include "kernels/error.h"

namespace sluice::sample {
namespace {

const SampleOptions small{.width = 160, .height = 120, .fps = 10, .seconds = 12, .threads = 2};

/// Surfaces in front of a camera at the origin that looks along +y.
class Stage {
 public:
  Stage(int width, int height) : width_(width), height_(height) {}

  void add(const Shape& shape, const Transform& pose) {
    surfaces_.push_back({.object = static_cast<std::uint8_t>(surfaces_.size() + 1),
                         .shape = shape,
                         .material = {.first = rgb(0x808080), .second = rgb(0xffffff)},
                         .in_object = {}});
    poses_.push_back(pose);
  }
  void move(std::size_t surface, const Transform& pose) { poses_[surface] = pose; }
  Transform camera = look_at({0, 0, 0}, {0, 1, 0});

  [[nodiscard]] RenderedFrame render(bool with_color = false, int threads = 1) const {
    RenderedFrame frame;
    frame.width = width_;
    frame.height = height_;
    frame.camera_to_world = to_pose(camera);
    frame.intrinsics = {100, 110, (width_ - 1) / 2.0, (height_ - 1) / 2.0};
    frame.surface_to_world.resize(surfaces_.size() + 1);
    std::vector<PlacedSurface> placed;
    for (std::size_t i = 0; i < surfaces_.size(); ++i) {
      placed.push_back({&surfaces_[i], static_cast<std::uint8_t>(i + 1), poses_[i]});
      frame.surface_to_world[i + 1] = to_pose(poses_[i]);
    }
    render_surfaces(placed, noise_, {}, with_color, threads, frame);
    return frame;
  }

 private:
  int width_, height_;
  std::vector<Surface> surfaces_;
  std::vector<Transform> poses_;
  NoiseTable noise_{1};
};

double depth_at(const RenderedFrame& frame, int x, int y) {
  return static_cast<double>(frame.depth_m[static_cast<std::size_t>(y * frame.width + x)]);
}

/// The vertical plane y = distance, facing the camera.
Transform facing_plane(double distance) {
  return {{1, 0, 0}, {0, 0, 1}, {0, -1, 0}, {0, distance, 0}};
}

/// Signed distance of a point from the shape's surface, or a bound for it: 0 on the surface.
double off_surface(const Shape& shape, const Vec3& p) {
  const Vec3 q{std::abs(p.x) - shape.half.x, std::abs(p.y) - shape.half.y,
               std::abs(p.z) - shape.half.z};
  switch (shape.kind) {
    case Shape::Kind::plane: return p.z;
    case Shape::Kind::box: return std::max({q.x, q.y, q.z});
    case Shape::Kind::sphere: return length(p) - shape.half.x;
    case Shape::Kind::cylinder: return std::max(std::hypot(p.x, p.y) - shape.half.x, q.z);
  }
  return 1;
}

std::map<int, int> object_areas(const RenderedFrame& frame) {
  std::map<int, int> areas;
  for (const std::uint8_t object : frame.object_id) ++areas[object];
  return areas;
}

/// Mean image position of an object's pixels.
std::optional<Vec3> centroid(const RenderedFrame& frame, std::uint8_t object) {
  Vec3 sum;
  double count = 0;
  for (std::size_t i = 0; i < frame.object_id.size(); ++i) {
    if (frame.object_id[i] != object) continue;
    const auto width = static_cast<std::size_t>(frame.width);
    sum = sum + Vec3{static_cast<double>(i % width), static_cast<double>(i / width), 0};
    ++count;
  }
  if (count == 0) return std::nullopt;
  return (1 / count) * sum;
}

std::int64_t frame_of(const SampleScene& scene, const std::string& event, std::uint8_t object) {
  for (const Event& e : scene.events()) {
    if (e.name == event && e.object == object) return e.frame;
  }
  ADD_FAILURE() << "no event " << event;
  return 0;
}

TEST(SampleRayCaster, DepthOfAFacingPlaneIsItsDistance) {
  Stage stage(64, 48);
  stage.add(plane(), facing_plane(2.5));
  for (const float depth : stage.render().depth_m) EXPECT_NEAR(depth, 2.5, 1e-6);
}

TEST(SampleRayCaster, DepthOfTheGroundFollowsTheHorizonFormula) {
  Stage stage(64, 48);
  stage.add(plane(), translation({0, 0, -1.5}));
  const RenderedFrame frame = stage.render();
  for (int y = 0; y < 48; ++y) {
    const double below = (y - 23.5) / 110;  // of the horizon, at depth 1
    for (int x = 0; x < 64; ++x) {
      if (below <= 0) {
        EXPECT_EQ(depth_at(frame, x, y), 0);
      } else {
        EXPECT_NEAR(depth_at(frame, x, y), 1.5 / below, 1e-5 * 1.5 / below);
      }
    }
  }
}

TEST(SampleRayCaster, DepthOfASphereSolvesItsQuadratic) {
  Stage stage(64, 48);
  const double radius = 0.4, distance = 2;
  stage.add(sphere(radius), translation({0.1, distance, -0.05}));
  const RenderedFrame frame = stage.render();
  int hits = 0;
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 64; ++x) {
      // |t·d − c|² = r², in camera coordinates: c = (0.1, 0.05, 2).
      const double dx = (x - 31.5) / 100, dy = (y - 23.5) / 110;
      const double a = dx * dx + dy * dy + 1, b = 0.1 * dx + 0.05 * dy + distance;
      const double c = 0.1 * 0.1 + 0.05 * 0.05 + distance * distance - radius * radius;
      const double discriminant = b * b - a * c;
      const double expected = discriminant < 0 ? 0 : (b - std::sqrt(discriminant)) / a;
      EXPECT_NEAR(depth_at(frame, x, y), expected, 1e-5) << x << ", " << y;
      hits += expected > 0;
    }
  }
  EXPECT_GT(hits, 500);
}

TEST(SampleRayCaster, NearerSurfacesHideFartherOnes) {
  Stage stage(64, 48);
  stage.add(plane(), facing_plane(3));
  stage.add(box(0.4, 0.4, 0.4), turned({0, 2, 0}, 0.3));
  stage.add(cylinder(0.1, 0.2), translation({0, 1, 0}));
  const RenderedFrame frame = stage.render();
  EXPECT_EQ(frame.surface_id[24 * 64 + 32], 3);
  EXPECT_NEAR(depth_at(frame, 32, 24), 0.9, 1e-3);
  EXPECT_EQ(frame.surface_id[0], 1);
  EXPECT_EQ(object_areas(frame).size(), 3u);
}

TEST(SampleRayCaster, EveryPixelLiesOnItsSurfaceAndNothingIsInFront) {
  // The renderer leaves out what it knows to be hidden; here, every surface is tried.
  for (const std::uint64_t seed : {1u, 5u}) {
    const SampleScene scene(seed, small);
    const Inventory inventory = make_inventory(seed);
    for (const std::int64_t index : {3, 45, 80, 115}) {
      const RenderedFrame frame = scene.render_geometry(index);
      const Transform camera = from_pose(frame.camera_to_world);
      for (std::size_t pixel = 0; pixel < frame.depth_m.size(); ++pixel) {
        const auto width = static_cast<std::size_t>(frame.width);
        const stream::Intrinsics& in = frame.intrinsics;
        const Vec3 direction{(static_cast<double>(pixel % width) - in.cx) / in.fx,
                             (static_cast<double>(pixel / width) - in.cy) / in.fy, 1};
        double nearest = 1e9;
        for (std::size_t i = 0; i < inventory.surfaces.size(); ++i) {
          const Transform pose = from_pose(frame.surface_to_world[i + 1]);
          if (length(pose.x) == 0) continue;  // not in this arrangement
          const Ray ray{pose.invert(camera.origin), pose.unrotate(camera.rotate(direction))};
          nearest = std::min(nearest, intersect(inventory.surfaces[i].shape, ray).distance);
        }
        const auto depth = static_cast<double>(frame.depth_m[pixel]);
        ASSERT_NEAR(depth, nearest, 1e-6 * nearest) << "seed " << seed << " frame " << index;
        const Surface& surface = inventory.surfaces[frame.surface_id[pixel] - 1u];
        const Transform pose = from_pose(frame.surface_to_world[frame.surface_id[pixel]]);
        ASSERT_NEAR(off_surface(surface.shape, pose.invert(camera.apply(depth * direction))), 0,
                    1e-5);
        ASSERT_EQ(frame.object_id[pixel], surface.object);
      }
    }
  }
}

TEST(SampleScene, IsTheSameForTheSameSeedOnAnyNumberOfThreads) {
  SampleOptions options = small;
  for (const std::int64_t index : {0, 50, 119}) {
    std::optional<RenderedFrame> first;
    for (const int threads : {1, 2, 4, 0}) {
      options.threads = threads;
      const RenderedFrame frame = SampleScene(7, options).render(index);
      if (!first) first = frame;
      EXPECT_EQ(frame.color.rgb, first->color.rgb);
      EXPECT_EQ(frame.depth_m, first->depth_m);
      EXPECT_EQ(frame.surface_id, first->surface_id);
    }
    EXPECT_NE(SampleScene(8, options).render(index).surface_id, first->surface_id);
  }
}

TEST(SampleScene, GeometryAloneIsTheSameAsWithColor) {
  const SampleScene scene(3, small);
  const RenderedFrame full = scene.render(60), geometry = scene.render_geometry(60);
  EXPECT_TRUE(geometry.color.empty());
  EXPECT_EQ(full.depth_m, geometry.depth_m);
  EXPECT_EQ(full.object_id, geometry.object_id);
}

TEST(SampleScene, StillPictureDiffersOnlyByNoiseAndFlicker) {
  SampleOptions options = small;
  const SampleScene noisy(2, options);
  const RenderedFrame a = noisy.render(0), b = noisy.render(1);
  EXPECT_NE(a.color.rgb, b.color.rgb);
  double difference = 0;
  for (std::size_t i = 0; i < a.color.rgb.size(); ++i) {
    difference += std::abs(a.color.rgb[i] - b.color.rgb[i]);
  }
  EXPECT_LT(difference / static_cast<double>(a.color.rgb.size()), 5);

  options.noise = options.flicker = 0;
  const SampleScene clean(2, options);
  EXPECT_EQ(clean.render(0).color.rgb, clean.render(1).color.rgb);
}

TEST(SampleScene, TellsItsStoryForEverySeed) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    const SampleScene scene(seed, small);
    std::int64_t next = 0;
    for (const Shot& shot : scene.shots()) {
      EXPECT_EQ(shot.first, next);
      EXPECT_LE(shot.first, shot.last);
      next = shot.last + 1;
    }
    EXPECT_EQ(next, scene.frame_count());

    // The target is lifted, carried and set down on the tray.
    const RenderedFrame before = scene.render_geometry(scene.shots()[1].first);
    const RenderedFrame lifted = scene.render_geometry(frame_of(scene, "carry", id::target));
    const RenderedFrame after = scene.render_geometry(scene.shots()[1].last);
    ASSERT_TRUE(centroid(before, id::target) && centroid(lifted, id::target) &&
                centroid(after, id::target) && centroid(after, id::tray));
    EXPECT_LT(centroid(lifted, id::target)->y, centroid(before, id::target)->y - 4);
    EXPECT_NEAR(centroid(after, id::target)->x, centroid(after, id::tray)->x, 12);

    // The ball comes in while the gripper works, the duck when it is uncovered.
    EXPECT_EQ(object_areas(before)[id::ball], 0);
    EXPECT_GT(object_areas(after)[id::ball], 40);
    const std::int64_t uncover = frame_of(scene, "uncover", id::hidden);
    EXPECT_EQ(object_areas(scene.render_geometry(uncover))[id::hidden], 0);
    EXPECT_GT(object_areas(scene.render_geometry(scene.frame_count() - 1))[id::hidden], 40);
  }
}

TEST(SampleScene, RefusesWhatItCannotDo) {
  EXPECT_THROW(SampleScene(1, {.width = 0}), Error);
  EXPECT_THROW(SampleScene(1, {.fps = -1}), Error);
  EXPECT_THROW(SampleScene(1, {.seconds = 0}), Error);
  const SampleScene scene(1, small);
  EXPECT_THROW((void)scene.render(-1), Error);
  EXPECT_THROW((void)scene.render(scene.frame_count()), Error);
  EXPECT_THROW((void)sampled_frames(scene, 0), Error);
}

TEST(SampleScene, SamplesTheFrameShownAtEachTime) {
  const SampleScene scene(1, small);  // 10 frames per second
  const auto every_fourth_of_a_second = sampled_frames(scene, 4);
  EXPECT_EQ(every_fourth_of_a_second.size(), 48u);
  EXPECT_EQ(every_fourth_of_a_second[1], 2);
  EXPECT_EQ(every_fourth_of_a_second[2], 5);
  EXPECT_EQ(every_fourth_of_a_second[3], 7);
  EXPECT_EQ(sampled_frames(scene, 99).size(), 120u);
}

TEST(SampleTruth, NothingMovedIsUnchanged) {
  Stage stage(84, 84);
  stage.add(plane(), facing_plane(3));
  stage.add(sphere(0.3), translation({0, 2, 0}));
  for (const PatchTruth truth : patch_truth(stage.render(), stage.render(), 7, 7)) {
    EXPECT_EQ(truth, PatchTruth::unchanged);
  }
}

TEST(SampleTruth, AMovedSphereChangesThePatchesItCoversAndUncovers) {
  Stage stage(84, 84);
  stage.add(plane(), facing_plane(3));
  stage.add(sphere(0.2), translation({-0.4, 2, 0}));
  const RenderedFrame before = stage.render();
  stage.move(1, translation({0.4, 2, 0.1}));
  const RenderedFrame after = stage.render();

  // Oracle: the share of a patch's pixels that show the sphere in either picture.
  const auto truth = patch_truth(before, after, 7, 7);
  std::map<PatchTruth, int> count;
  for (int row = 0; row < 7; ++row) {
    for (int column = 0; column < 7; ++column) {
      int covered = 0;
      for (int y = 12 * row; y < 12 * row + 12; ++y) {
        for (int x = 12 * column; x < 12 * column + 12; ++x) {
          const auto pixel = static_cast<std::size_t>(84 * y + x);
          covered += before.object_id[pixel] == 2 || after.object_id[pixel] == 2;
        }
      }
      const PatchTruth expected = covered * 10 >= 144  ? PatchTruth::changed
                                  : covered * 50 < 144 ? PatchTruth::unchanged
                                                       : PatchTruth::ambiguous;
      EXPECT_EQ(truth[static_cast<std::size_t>(7 * row + column)], expected);
      ++count[expected];
    }
  }
  EXPECT_GT(count[PatchTruth::changed], 5);
  EXPECT_GT(count[PatchTruth::unchanged], 20);
}

TEST(SampleTruth, HalfAPixelDecidesForObjectsAndCameras) {
  // At distance 2 and focal length 100, a pixel is 20 mm wide.
  Stage stage(60, 60);
  stage.add(plane(), facing_plane(2));
  const RenderedFrame before = stage.render();
  const auto verdicts = [&] {
    const auto truth = patch_truth(before, stage.render(), 3, 3);
    return std::set<PatchTruth>(truth.begin(), truth.end());
  };
  const Transform camera = stage.camera;
  for (const double shift_m : {0.009, 0.011, -0.009, -0.011}) {
    const auto expected = std::set{std::abs(shift_m) > 0.01 ? PatchTruth::changed  //
                                                            : PatchTruth::unchanged};
    Transform moved = facing_plane(2);
    moved.origin.x += shift_m;
    stage.move(0, moved);
    EXPECT_EQ(verdicts(), expected) << "plane by " << shift_m;
    stage.move(0, facing_plane(2));
    stage.camera.origin.x += shift_m;
    EXPECT_EQ(verdicts(), expected) << "camera by " << shift_m;
    stage.camera = camera;
  }
}

TEST(SampleTruth, ATurningSphereChangesInPlace) {
  Stage stage(60, 60);
  stage.add(sphere(0.5), translation({0, 2, 0}));
  const RenderedFrame before = stage.render();
  stage.move(0, turned({0, 2, 0}, 0.2));
  const RenderedFrame after = stage.render();
  EXPECT_EQ(before.object_id, after.object_id);
  EXPECT_EQ(patch_truth(before, after, 3, 3)[4], PatchTruth::changed);
}

TEST(SampleTruth, CutsChangeEverythingAndStillShotsNothing) {
  const SampleScene scene(4, small);
  const std::int64_t cut = scene.shots()[1].first;
  const auto before = scene.render_geometry(cut - 1), after = scene.render_geometry(cut);
  for (const double share : changed_shares(before, after, 7, 7)) EXPECT_GT(share, 0.9);
  const auto still = patch_truth(scene.render_geometry(0), scene.render_geometry(1), 7, 7);
  EXPECT_EQ(std::count(still.begin(), still.end(), PatchTruth::unchanged), 49);
}

TEST(SampleTruth, RefusesFramesThatDoNotBelongTogether) {
  Stage a(60, 60), b(64, 60);
  EXPECT_THROW((void)patch_truth(a.render(), b.render(), 3, 3), Error);
  EXPECT_THROW((void)patch_truth(a.render(), a.render(), 0, 3), Error);
  EXPECT_THROW((void)patch_truth(a.render(), a.render(), 3, 61), Error);
}

}  // namespace
}  // namespace sluice::sample

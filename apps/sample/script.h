// What happens when: shots, camera paths, the gripper's moves and the things it handles.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/sample/geometry.h"
#include "apps/sample/objects.h"

namespace sluice::sample {

/// Consecutive frames from one camera; between shots there is a hard cut.
struct Shot {
  std::string name;
  std::int64_t first = 0, last = 0;  ///< frames, inclusive
  bool camera_moves = false;
};

/// Something that begins at a frame.
struct Event {
  std::string name;
  std::uint8_t object = 0;  ///< whom it is about
  std::int64_t frame = 0;
};

/// Where everything is at one frame.
struct SceneState {
  int shot = 0;
  Transform camera;                                        ///< camera-to-world
  std::array<std::optional<Transform>, id::count> object;  ///< world-from-object; absent: not there
  double opening = 0;                                      ///< metres between the gripper's fingers
};

/// One point of the gripper's path. Between points it moves with minimum jerk, from rest to rest.
struct GripperKey {
  double time = 0;  ///< script seconds
  Vec3 tip;         ///< between the finger tips, metres
  double yaw = 0;
  double opening = 0;
};

/// A story of four shots, played in `frame_count` frames whatever their number:
/// an overview (fixed camera; one thing slides slowly), a grasp (fixed; the gripper moves the
/// target to the tray while a ball rolls in), an orbit (moving camera), and another arrangement
/// seen from close by (camera drifting by less than half a pixel per sampled frame; a turntable;
/// the gripper uncovers something).
class Script {
 public:
  Script(std::uint64_t seed, const Inventory& inventory, std::int64_t frame_count);

  [[nodiscard]] SceneState at(std::int64_t frame) const;
  [[nodiscard]] const std::vector<Shot>& shots() const noexcept { return shots_; }
  [[nodiscard]] const std::vector<Event>& events() const noexcept { return events_; }

 private:
  /// An object resting on the table.
  struct Place {
    std::uint8_t object = 0;
    Vec3 position;
    double yaw = 0;
  };
  /// Something carried from one place to another.
  struct Carry {
    std::uint8_t object = 0;
    double grasped = 0, released = 0;  ///< script seconds
    Transform before, in_gripper, after;
  };

  void time_shots(std::uint64_t seed);
  void arrange_first(std::uint64_t seed, const Inventory& inventory);
  void arrange_second(std::uint64_t seed, const Inventory& inventory);
  void plan_grasp(std::uint64_t seed, const Inventory& inventory);
  void plan_uncovering(const Inventory& inventory);
  void place_cameras(std::uint64_t seed);
  void list_events();

  [[nodiscard]] double time_of(std::int64_t frame) const noexcept;
  [[nodiscard]] std::int64_t frame_of(double time) const noexcept;
  [[nodiscard]] int shot_of(std::int64_t frame) const noexcept;
  [[nodiscard]] Transform camera_at(int shot, double time) const;
  [[nodiscard]] GripperKey gripper_at(const std::vector<GripperKey>& keys, double time) const;
  [[nodiscard]] Transform carried(const Carry& carry, const Transform& gripper, double time) const;
  [[nodiscard]] Transform ball_at(double time) const;

  std::int64_t frame_count_;
  std::array<double, 5> cuts_{};  ///< script seconds at which shots begin, and the end
  std::vector<Shot> shots_;
  std::vector<Event> events_;
  std::array<std::vector<Place>, 2> places_;
  std::array<std::vector<GripperKey>, 2> gripper_keys_;
  std::array<Carry, 2> carries_;
  double mirror_ = 1;  ///< -1: the story runs from right to left

  Vec3 slide_;                ///< of the cube in the overview, metres per second
  Vec3 ball_from_, ball_to_;  ///< centres
  double ball_start_ = 0, ball_stop_ = 0, ball_radius_ = 0;
  double turntable_speed_ = 0;  ///< radians per second

  struct CameraPath {
    Vec3 look;            ///< the point in the middle of the picture
    double azimuth = 0;   ///< radians, 0 in front of the table
    double distance = 1;  ///< on the ground, metres
    double height = 0.5;
    double sweep = 0;  ///< how far the azimuth moves during the shot, from rest to rest
    Vec3 drift = {};   ///< metres per second
  };
  std::array<CameraPath, 4> cameras_;
};

}  // namespace sluice::sample

// What stands in the sample's room: objects with ids and roles, and the surfaces they are made of.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/sample/geometry.h"
#include "apps/sample/shape.h"
#include "apps/sample/texture.h"

namespace sluice::sample {

/// What an object is to the task that the sample shows.
enum class Role : std::uint8_t {
  background,  ///< walls, floor, picture
  furniture,   ///< the table
  distractor,  ///< on the table, not part of the task
  target,      ///< what the gripper reaches for
  goal,        ///< where it puts the target
  gripper,
  newcomer,  ///< comes into view in mid-shot
};
[[nodiscard]] std::string_view name(Role role) noexcept;

/// Ids are the values in the masks; 0 is "nothing".
struct SceneObject {
  std::uint8_t id = 0;
  std::string name;
  Role role = Role::background;
};

/// The ids, the same for every seed.
namespace id {
inline constexpr std::uint8_t floor = 1, wall = 2, picture = 3, table = 4, books = 5, mug = 6,
                              cube = 7, can = 8, bottle = 9, fruit = 10, target = 11, tray = 12,
                              gripper = 13, ball = 14, turntable = 15, cover = 16, hidden = 17;
inline constexpr std::uint8_t count = 18;  ///< one more than the largest
}  // namespace id

/// Which part of its object a surface moves with: the gripper's fingers open and close.
enum class Part : std::uint8_t { body, left_finger, right_finger };

/// One textured shape. Its id is its index plus one.
struct Surface {
  std::uint8_t object = 0;
  Shape shape;
  Material material;
  Transform
      in_object;  ///< object-from-surface; objects have their origin at the middle of their base
  Part part = Part::body;
};

/// What the script needs to know about an object to place it.
struct Footprint {
  double radius = 0;  ///< metres, of the circle around it on the table
  double height = 0;
};

struct Inventory {
  std::vector<SceneObject> objects;  ///< ascending ids, from 1
  std::vector<Surface> surfaces;
  std::array<Footprint, id::count> footprint{};
  double target_width = 0;  ///< metres between the fingers when they hold the target
  double cover_width = 0;
  double ball_radius = 0;
};

/// Shapes, colours and textures for one seed.
[[nodiscard]] Inventory make_inventory(std::uint64_t seed);

/// Distance from the finger tips to the underside of the palm, metres.
inline constexpr double finger_length = 0.085;

}  // namespace sluice::sample

#include "apps/sample/objects.h"

#include <algorithm>
#include <numbers>
#include <utility>

#include "apps/sample/random.h"

namespace sluice::sample {
namespace {

constexpr std::array<std::uint32_t, 7> accents = {0xc8324a, 0xe6a02e, 0x0c7489, 0x2f5fa6,
                                                  0x5f9440, 0xe8703f, 0x7a55a8};
/// Paint above, tiles below.
constexpr std::array<std::array<std::uint32_t, 2>, 4> wall_colors = {
    {{0x86b3b8, 0xe9e4d8}, {0xb9cbb0, 0xe6dccd}, {0xd9c7a8, 0xcfe0e2}, {0x9fb4d0, 0xebe3d0}}};

/// Collects surfaces; draws colours and sizes from the seed.
class Builder {
 public:
  explicit Builder(std::uint64_t seed) : colors_(seed, 1), sizes_(seed, 2), palette_(accents) {
    for (std::size_t i = palette_.size() - 1; i > 0; --i) {
      std::swap(palette_[i],
                palette_[static_cast<std::size_t>(colors_.below(static_cast<int>(i) + 1))]);
    }
  }

  Inventory build() {
    add_room();
    add_table();
    add_books();
    add_mug();
    add_small_things();
    add_target();
    add_gripper();
    add_shell_game();
    return std::move(inventory_);
  }

 private:
  void object(std::uint8_t object_id, std::string object_name, Role role,
              Footprint footprint = {}) {
    inventory_.objects.push_back({object_id, std::move(object_name), role});
    inventory_.footprint[object_id] = footprint;
  }

  /// Adds a shape whose centre lies at `center` in its object.
  Surface& surface(std::uint8_t object_id, const Shape& shape, const Material& material,
                   const Vec3& center, double angle = 0) {
    Surface added{object_id, shape, material, turned(center, angle)};
    added.material.offset = colors_.between(0, 500);
    inventory_.surfaces.push_back(added);
    return inventory_.surfaces.back();
  }

  [[nodiscard]] std::uint32_t accent(std::size_t index) const {
    return palette_[index % palette_.size()];
  }

  void add_room() {
    const auto [wall, tile] =
        wall_colors[static_cast<std::size_t>(colors_.below(static_cast<int>(wall_colors.size())))];
    object(id::floor, "floor", Role::background);
    surface(id::floor, plane(), {Pattern::tiles, rgb(0x9a8f86), rgb(0x5c544e), 0.24, 0.0035, 0.26},
            {0, 0, -0.74});
    object(id::wall, "wall", Role::background);
    const Material paint{Pattern::mottled, rgb(wall), rgb(wall - 0x1c1c1c), 0.1, 0.0042, 0.2};
    add_wall(paint, {0, 1.25, 0}, {0, -1, 0});
    add_wall(paint, {-1.9, 0, 0}, {1, 0, 0});
    add_wall(paint, {1.9, 0, 0}, {-1, 0, 0});
    add_wall(paint, {0, -3.5, 0}, {0, 1, 0});
    surface(id::wall, box(3.8, 0.03, 0.62),
            {Pattern::tiles, rgb(tile), rgb(tile - 0x4e4e4e), 0.155, 0.0042, 0.14},
            {0, 1.235, 0.0});
    object(id::picture, "picture", Role::background);
    const double x = sizes_.between(-0.35, 0.35);
    surface(id::picture, box(0.62, 0.03, 0.44),
            {Pattern::wood, rgb(0x6b4a2f), rgb(0x3f2a1a), 0.1, 0.003, 0.3}, {x, 1.235, 0.62});
    surface(id::picture, box(0.54, 0.034, 0.36),
            {Pattern::mottled, rgb(accent(5)), rgb(0xf3ead2), 0.09, 0.011, 0.3}, {x, 1.235, 0.62});
  }

  void add_wall(const Material& paint, const Vec3& position, const Vec3& facing) {
    Surface& wall = surface(id::wall, plane(), paint, position);
    const Vec3 along = cross(facing, {0, 0, 1});
    wall.in_object = {along, cross(facing, along), facing, position};
  }

  void add_table() {
    object(id::table, "table", Role::furniture);
    const Material wood{Pattern::planks, rgb(0xd2a673), rgb(0x8a5a33), 0.135, 0.0018, 0.15};
    surface(id::table, box(1.7, 0.96, 0.04), wood, {0, 0, -0.02});
    for (const double x : {-0.78, 0.78}) {
      for (const double y : {-0.42, 0.42}) {
        surface(id::table, box(0.07, 0.07, 0.70),
                {Pattern::wood, rgb(0xb98a58), rgb(0x7a4d2b), 0.1, 0.003, 0.2}, {x, y, -0.39});
      }
    }
    // A woven mat in the middle: the working place.
    surface(id::table, box(0.86, 0.46, 0.003),
            {Pattern::checker, rgb(0xe8e0cf), rgb(0xb9ab92), 0.012, 0.0018, 0.22},
            {0, 0.02, 0.0015});
  }

  void add_books() {
    object(id::books, "books", Role::distractor, {0.125, 0.075});
    double z = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double thickness = sizes_.between(0.018, 0.032);
      const double angle = sizes_.between(-0.25, 0.25);
      const double width = 0.20 - 0.012 * static_cast<double>(i);
      surface(id::books, box(width, 0.14, thickness - 0.006),
              {Pattern::stripes, rgb(0xf1ead8), rgb(0xc9bfa6), 0.0035, 0.0015, 0.12},
              {0.004, 0, z + thickness / 2}, angle);
      for (const double cover : {0.0015, thickness - 0.0015}) {
        surface(id::books, box(width + 0.012, 0.152, 0.003),
                {Pattern::dots, rgb(accent(i)), rgb(accent(i + 2)), 0.035, 0.0016, 0.24},
                {0, 0, z + cover}, angle);
      }
      z += thickness;
    }
    inventory_.footprint[id::books].height = z;
  }

  void add_mug() {
    object(id::mug, "mug", Role::distractor, {0.062, 0.095});
    const Material glaze{Pattern::stripes, rgb(0xf2efe6), rgb(accent(3)), 0.024, 0.0016, 0.2};
    surface(id::mug, cylinder(0.041, 0.095), glaze, {0, 0, 0.0475});
    surface(id::mug, cylinder(0.036, 0.002),
            {Pattern::mottled, rgb(0x4a2a18), rgb(0x2a160c), 0.02, 0.0016, 0.4}, {0, 0, 0.0945});
    const Material handle{Pattern::mottled, rgb(accent(3)), rgb(0xf2efe6), 0.02, 0.0016, 0.25};
    surface(id::mug, box(0.03, 0.012, 0.012), handle, {0.053, 0, 0.075});
    surface(id::mug, box(0.03, 0.012, 0.012), handle, {0.053, 0, 0.025});
    surface(id::mug, box(0.012, 0.012, 0.062), handle, {0.066, 0, 0.05});
  }

  void add_small_things() {
    object(id::cube, "cube", Role::distractor, {0.052, 0.07});
    surface(id::cube, box(0.07, 0.07, 0.07),
            {Pattern::checker, rgb(accent(4)), rgb(0xf4efe2), 0.0175, 0.0016, 0.2}, {0, 0, 0.035});

    object(id::can, "can", Role::distractor, {0.036, 0.115});
    surface(id::can, cylinder(0.034, 0.105),
            {Pattern::dots, rgb(accent(0)), rgb(0xf6e7c1), 0.021, 0.0016, 0.22}, {0, 0, 0.0575});
    for (const double z : {0.0025, 0.1125}) {
      surface(id::can, cylinder(0.035, 0.005),
              {Pattern::speckle, rgb(0xc5c9cc), rgb(0x6d7378), 0.01, 0.0016, 0.2}, {0, 0, z});
    }

    object(id::bottle, "bottle", Role::distractor, {0.04, 0.25});
    const Material glass{Pattern::mottled, rgb(0x2f6b4f), rgb(0x17402e), 0.02, 0.0018, 0.3};
    surface(id::bottle, cylinder(0.038, 0.15), glass, {0, 0, 0.075});
    surface(id::bottle, cylinder(0.0386, 0.075),
            {Pattern::stripes, rgb(0xf3ead2), rgb(accent(1)), 0.0125, 0.0016, 0.22}, {0, 0, 0.07});
    surface(id::bottle, sphere(0.038), glass, {0, 0, 0.15});
    surface(id::bottle, cylinder(0.014, 0.07), glass, {0, 0, 0.205});
    surface(id::bottle, cylinder(0.016, 0.018),
            {Pattern::speckle, rgb(0xb98a4e), rgb(0x7a5426), 0.01, 0.0014, 0.3}, {0, 0, 0.245});

    object(id::fruit, "fruit", Role::distractor, {0.04, 0.085});
    surface(id::fruit, sphere(0.04),
            {Pattern::speckle, rgb(0xc9302f), rgb(0xf0b04a), 0.02, 0.0016, 0.22}, {0, 0, 0.04});
    surface(id::fruit, cylinder(0.003, 0.02),
            {Pattern::mottled, rgb(0x5a3d22), rgb(0x3a2512), 0.01, 0.0016, 0.3}, {0, 0, 0.086});
  }

  void add_target() {
    const int kind = sizes_.below(3);
    const double width = sizes_.between(0.046, 0.056);
    const Material body{Pattern::stripes, rgb(accent(1)), rgb(0xfff6df), 0.018, 0.0014, 0.22};
    inventory_.target_width = width;
    if (kind == 0) {
      object(id::target, "tea box", Role::target, {0.045, 0.10});
      surface(id::target, box(width, 0.065, 0.10), body, {0, 0, 0.05});
      surface(id::target, box(width + 0.0008, 0.0658, 0.034),
              {Pattern::dots, rgb(accent(2)), rgb(0xfff6df), 0.014, 0.0014, 0.22}, {0, 0, 0.052});
    } else if (kind == 1) {
      object(id::target, "spice tin", Role::target, {0.03, 0.098});
      surface(id::target, cylinder(width / 2, 0.08), body, {0, 0, 0.04});
      surface(id::target, cylinder(width / 2 - 0.003, 0.018),
              {Pattern::speckle, rgb(accent(2)), rgb(0xfff6df), 0.01, 0.0014, 0.25}, {0, 0, 0.089});
    } else {
      object(id::target, "wooden figure", Role::target, {0.035, 0.11});
      surface(id::target, box(width, 0.05, 0.07), body, {0, 0, 0.035});
      surface(id::target, sphere(0.021),
              {Pattern::checker, rgb(0xf0c48a), rgb(0xa8713a), 0.012, 0.0014, 0.2}, {0, 0, 0.088});
    }
    object(id::tray, "tray", Role::goal, {0.085, 0.012});
    surface(id::tray, cylinder(0.085, 0.010),
            {Pattern::tiles, rgb(accent(6)), rgb(0xf4efe2), 0.03, 0.0016, 0.22}, {0, 0, 0.005});
    surface(id::tray, cylinder(0.045, 0.012),
            {Pattern::checker, rgb(0xf4efe2), rgb(accent(6)), 0.012, 0.0016, 0.22}, {0, 0, 0.006});
  }

  void add_gripper() {
    object(id::gripper, "gripper", Role::gripper, {0.09, 1.0});
    const Material shell{Pattern::speckle, rgb(0xdfe3e6), rgb(0x59636c), 0.01, 0.0016, 0.16};
    const Material dark{Pattern::mottled, rgb(0x3a4149), rgb(0x1e2328), 0.01, 0.0014, 0.45};
    const Material band{Pattern::stripes, rgb(0xf08a24), rgb(0x2a2e33), 0.012, 0.0014, 0.2};
    const double palm = finger_length;
    for (const double side : {-1.0, 1.0}) {
      const Part part = side < 0 ? Part::left_finger : Part::right_finger;
      surface(id::gripper, box(0.014, 0.022, finger_length), dark,
              {side * 0.011, 0, finger_length / 2})
          .part = part;
      surface(id::gripper, box(0.004, 0.026, 0.034), band, {side * 0.002, 0, 0.017}).part = part;
      surface(id::gripper, box(0.026, 0.032, 0.022), shell,
              {side * 0.013, 0, finger_length - 0.012})
          .part = part;
    }
    surface(id::gripper, box(0.155, 0.050, 0.030), dark, {0, 0, palm + 0.015});
    surface(id::gripper, box(0.110, 0.064, 0.042), shell, {0, 0, palm + 0.051});
    surface(id::gripper, cylinder(0.034, 0.036), band, {0, 0, palm + 0.090});
    surface(id::gripper, cylinder(0.042, 0.07), dark, {0, 0, palm + 0.143});
    surface(id::gripper, box(0.062, 0.062, 0.9), shell, {0, 0, palm + 0.628});
  }

  /// The second arrangement's things, and the ball that rolls into the first.
  void add_shell_game() {
    inventory_.ball_radius = sizes_.between(0.032, 0.042);
    object(id::ball, "ball", Role::newcomer, {inventory_.ball_radius, 2 * inventory_.ball_radius});
    surface(id::ball, sphere(inventory_.ball_radius),
            {Pattern::checker, rgb(accent(2)), rgb(0xfdf6e3), 0.026, 0.0015, 0.2},
            {0, 0, inventory_.ball_radius});

    object(id::turntable, "turntable", Role::distractor, {0.13, 0.022});
    surface(id::turntable, cylinder(0.12, 0.022),
            {Pattern::checker, rgb(0xf0e6d2), rgb(accent(5)), 0.04, 0.0015, 0.22}, {0, 0, 0.011});

    inventory_.cover_width = sizes_.between(0.062, 0.07);
    object(id::cover, "cover", Role::target, {0.05, 0.11});
    surface(id::cover, box(inventory_.cover_width, 0.07, 0.11),
            {Pattern::dots, rgb(accent(3)), rgb(0xfdf6e3), 0.022, 0.0014, 0.22}, {0, 0, 0.055});

    object(id::hidden, "duck", Role::newcomer, {0.03, 0.07});
    surface(id::hidden, sphere(0.026),
            {Pattern::speckle, rgb(0xf6c915), rgb(0xd8930a), 0.01, 0.0014, 0.2}, {0, 0, 0.026});
    surface(id::hidden, sphere(0.0165),
            {Pattern::speckle, rgb(0xf6c915), rgb(0xd8930a), 0.01, 0.0014, 0.2},
            {0.006, -0.006, 0.06});
    surface(id::hidden, box(0.016, 0.012, 0.006),
            {Pattern::mottled, rgb(0xe8602c), rgb(0xb3401a), 0.01, 0.0014, 0.2},
            {0.012, -0.022, 0.058}, -0.9);
  }

  Random colors_, sizes_;
  std::array<std::uint32_t, accents.size()> palette_;
  Inventory inventory_;
};

}  // namespace

std::string_view name(Role role) noexcept {
  switch (role) {
    case Role::background: return "background";
    case Role::furniture: return "furniture";
    case Role::distractor: return "distractor";
    case Role::target: return "target";
    case Role::goal: return "goal";
    case Role::gripper: return "gripper";
    case Role::newcomer: return "newcomer";
  }
  return "background";
}

Inventory make_inventory(std::uint64_t seed) {
  Inventory inventory = Builder(seed).build();
  std::sort(inventory.objects.begin(), inventory.objects.end(),
            [](const SceneObject& a, const SceneObject& b) { return a.id < b.id; });
  return inventory;
}

}  // namespace sluice::sample

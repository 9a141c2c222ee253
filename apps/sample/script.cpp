#include "apps/sample/script.h"

#include <algorithm>
#include <cmath>

#include "apps/sample/random.h"

namespace sluice::sample {
namespace {

constexpr double story_seconds = 12;

/// 0 to 1 with zero speed and acceleration at both ends (minimum jerk).
double ease(double t) noexcept {
  t = std::clamp(t, 0.0, 1.0);
  return t * t * t * (10 + t * (-15 + 6 * t));
}

double blend(double a, double b, double share) noexcept {
  return a + (b - a) * share;
}

Transform gripper_pose(const GripperKey& key) {
  return turned(key.tip, key.yaw);
}

}  // namespace

Script::Script(std::uint64_t seed, const Inventory& inventory, std::int64_t frame_count)
    : frame_count_(frame_count) {
  time_shots(seed);
  arrange_first(seed, inventory);
  arrange_second(seed, inventory);
  plan_grasp(seed, inventory);
  plan_uncovering(inventory);
  place_cameras(seed);
  list_events();
}

void Script::time_shots(std::uint64_t seed) {
  Random random(seed, 10);
  std::array<double, 4> lengths = {2.2, 5.2, 2.4, 2.2};
  double total = 0;
  for (double& length : lengths) total += length *= random.between(0.88, 1.12);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    cuts_[i + 1] = cuts_[i] + lengths[i] * story_seconds / total;
  }
  const std::array<const char*, 4> names = {"overview", "grasp", "orbit", "close-up"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::int64_t last = i + 1 < names.size() ? frame_of(cuts_[i + 1]) - 1 : frame_count_ - 1;
    shots_.push_back({names[i], frame_of(cuts_[i]), last, i >= 2});
  }
}

void Script::arrange_first(std::uint64_t seed, const Inventory& inventory) {
  Random random(seed, 11);
  mirror_ = random.coin() ? 1 : -1;
  const auto jitter = [&](double x, double y) {
    return Vec3{mirror_ * (x + random.between(-0.02, 0.02)), y + random.between(-0.02, 0.02), 0};
  };
  // Tall things behind, low ones in front; the front lane stays free for the ball.
  std::array<std::uint8_t, 3> back = {id::bottle, id::books, id::can};
  std::array<std::uint8_t, 2> side = {id::mug, id::fruit};
  for (std::size_t i = back.size() - 1; i > 0; --i) {
    std::swap(back[i], back[static_cast<std::size_t>(random.below(static_cast<int>(i) + 1))]);
  }
  if (random.coin()) std::swap(side[0], side[1]);
  auto& places = places_[0];
  places.push_back({back[0], jitter(-0.40, 0.26), random.between(-0.5, 0.5)});
  places.push_back({back[1], jitter(0.02, 0.28), random.between(-0.5, 0.5)});
  places.push_back({back[2], jitter(0.40, 0.26), random.between(-0.5, 0.5)});
  places.push_back({side[0], jitter(-0.44, 0.02), random.between(-3, 3)});
  places.push_back({side[1], jitter(0.46, 0.03), random.between(-3, 3)});
  places.push_back({id::cube, jitter(0.03, 0.08), random.between(-0.7, 0.7)});
  places.push_back({id::tray, jitter(0.25, 0.02), random.between(-0.7, 0.7)});
  places.push_back({id::target, jitter(-0.22, 0.0), random.between(-0.6, 0.6)});
  const double speed = random.between(0.008, 0.03);
  slide_ = {mirror_ * -speed, 0.2 * speed, 0};

  ball_radius_ = inventory.ball_radius;
  ball_from_ = {mirror_ * -0.80, -0.19 + random.between(-0.02, 0.02), ball_radius_};
  ball_to_ = {mirror_ * random.between(-0.12, 0.08), -0.17 + random.between(-0.02, 0.02),
              ball_radius_};
}

void Script::arrange_second(std::uint64_t seed, const Inventory& inventory) {
  Random random(seed, 12);
  const auto jitter = [&](double x, double y) {
    return Vec3{mirror_ * (x + random.between(-0.015, 0.015)), y + random.between(-0.015, 0.015),
                0};
  };
  auto& places = places_[1];
  places.push_back({id::turntable, jitter(-0.17, 0.05), random.between(-3, 3)});
  places.push_back({id::mug,
                    places[0].position + Vec3{random.between(-0.03, 0.03), 0.035,
                                              inventory.footprint[id::turntable].height},
                    random.between(-3, 3)});
  places.push_back({id::cover, jitter(0.14, 0.0), random.between(-0.5, 0.5)});
  places.push_back({id::hidden, places[2].position, random.between(-0.4, 0.4)});
  places.push_back({id::can, jitter(0.30, 0.15), random.between(-3, 3)});
  places.push_back({id::cube, jitter(0.05, 0.24), random.between(-0.7, 0.7)});
  places.push_back({id::fruit, jitter(-0.36, 0.20), random.between(-3, 3)});
  turntable_speed_ = random.between(0.2, 0.6) * (random.coin() ? 1 : -1);
}

void Script::plan_grasp(std::uint64_t seed, const Inventory& inventory) {
  Random random(seed, 13);
  const Place& target = places_[0].back();
  const Place& tray = places_[0][places_[0].size() - 2];
  const double open = 0.088, closed = inventory.target_width;
  const double begin = cuts_[1], length = cuts_[2] - cuts_[1];
  const double pace = random.between(0.94, 1.0);
  const auto when = [&](double share) { return begin + pace * share * length; };
  const auto above = [](const Vec3& place, double z) { return Vec3{place.x, place.y, z}; };

  // The finger tips close well below the target's top, and stay clear of the table.
  const double height = inventory.footprint[id::target].height;
  const double grip = std::max(0.025, height - 0.06);
  const double lift = grip + random.between(0.10, 0.15);
  const double place_z = grip + inventory.footprint[id::tray].height;
  const double place_yaw = target.yaw + random.between(-0.6, 0.6);
  const Vec3 home{mirror_ * random.between(-0.06, 0.06), 0.16, 0.27};
  gripper_keys_[0] = {{begin - 0.7, home, 0, open},
                      {when(0.20), above(target.position, height + 0.07), target.yaw, open},
                      {when(0.31), above(target.position, grip), target.yaw, open},
                      {when(0.38), above(target.position, grip), target.yaw, closed},
                      {when(0.50), above(target.position, lift), target.yaw, closed},
                      {when(0.67), above(tray.position, lift), place_yaw, closed},
                      {when(0.76), above(tray.position, place_z), place_yaw, closed},
                      {when(0.82), above(tray.position, place_z), place_yaw, open},
                      {when(0.91), above(tray.position, height + 0.10), place_yaw, open},
                      {when(1.04), home, 0, open}};
  const Transform before = turned(target.position, target.yaw);
  const Transform in_gripper = gripper_pose(gripper_keys_[0][3]).inverse() * before;
  carries_[0] = {id::target, when(0.38), when(0.76),
                 before,     in_gripper, gripper_pose(gripper_keys_[0][6]) * in_gripper};
  ball_start_ = when(random.between(0.42, 0.56));
  ball_stop_ = ball_start_ + random.between(1.5, 2.0);
}

void Script::plan_uncovering(const Inventory& inventory) {
  const Place& cover = places_[1][2];
  const double open = 0.095, closed = inventory.cover_width;
  const double height = inventory.footprint[id::cover].height;
  const double grip = height - 0.055;
  const double begin = cuts_[3], length = cuts_[4] - cuts_[3];
  const auto when = [&](double share) { return begin + share * length; };
  const auto tip = [&](double z, double aside) {
    return cover.position + Vec3{mirror_ * aside, 0.02 * (aside > 0 ? 1 : 0), z};
  };
  gripper_keys_[1] = {{when(0.05), tip(height + 0.05, 0), cover.yaw, open},
                      {when(0.27), tip(grip, 0), cover.yaw, open},
                      {when(0.37), tip(grip, 0), cover.yaw, closed},
                      {when(0.67), tip(grip + 0.12, 0), cover.yaw, closed},
                      {when(0.98), tip(grip + 0.15, 0.10), cover.yaw, closed}};
  const Transform before = turned(cover.position, cover.yaw);
  carries_[1] = {id::cover,
                 when(0.37),
                 story_seconds + 1,
                 before,
                 gripper_pose(gripper_keys_[1][2]).inverse() * before,
                 {}};
}

void Script::place_cameras(std::uint64_t seed) {
  Random random(seed, 14);
  cameras_[0] = {{0, 0.10, 0.09},
                 random.between(-0.25, 0.25),
                 random.between(1.12, 1.22),
                 random.between(0.50, 0.62)};
  cameras_[1] = {{0, 0.05, 0.10},
                 random.between(-0.4, 0.4),
                 random.between(0.84, 0.94),
                 random.between(0.42, 0.52)};
  const double sweep = random.between(0.5, 0.9) * (random.coin() ? 1 : -1);
  cameras_[2] = {
      {0, 0.06, 0.08}, -0.5 * sweep, random.between(0.92, 1.02), random.between(0.5, 0.66), sweep};
  // 1 mm is about 0.8 pixels here: at 5 frames per second this stays under half a pixel.
  const double drift = random.between(0.0008, 0.002) * (random.coin() ? 1 : -1);
  cameras_[3] = {{0, 0.07, 0.07},
                 random.between(-0.2, 0.2),
                 random.between(0.66, 0.74),
                 random.between(0.36, 0.44),
                 0,
                 {drift, 0, 0.3 * drift}};
}

void Script::list_events() {
  const auto add = [&](const char* what, std::uint8_t object, double time) {
    events_.push_back({what, object, std::min(frame_of(time), frame_count_ - 1)});
  };
  const auto& first = gripper_keys_[0];
  add("slide", id::cube, 0.3);
  add("reach", id::gripper, first[0].time);
  add("close", id::gripper, first[2].time);
  add("lift", id::target, first[3].time);
  add("carry", id::target, first[4].time);
  add("lower", id::target, first[5].time);
  add("release", id::target, first[6].time);
  add("retreat", id::gripper, first[7].time);
  add("roll", id::ball, ball_start_);
  add("rest", id::ball, ball_stop_);
  const auto& second = gripper_keys_[1];
  add("reach", id::gripper, second[0].time);
  add("close", id::gripper, second[1].time);
  add("uncover", id::hidden, second[2].time);
  std::stable_sort(events_.begin(), events_.end(),
                   [](const Event& a, const Event& b) { return a.frame < b.frame; });
}

double Script::time_of(std::int64_t frame) const noexcept {
  return story_seconds * static_cast<double>(frame) / static_cast<double>(frame_count_);
}

std::int64_t Script::frame_of(double time) const noexcept {
  return std::llround(time / story_seconds * static_cast<double>(frame_count_));
}

int Script::shot_of(std::int64_t frame) const noexcept {
  int shot = 0;
  while (shot + 1 < static_cast<int>(shots_.size()) &&
         frame >= shots_[static_cast<std::size_t>(shot) + 1].first) {
    ++shot;
  }
  return shot;
}

SceneState Script::at(std::int64_t frame) const {
  const double time = time_of(frame);
  SceneState state;
  state.shot = shot_of(frame);
  state.camera = camera_at(state.shot, time);
  const std::size_t arrangement = state.shot == 3 ? 1 : 0;

  for (const std::uint8_t room : {id::floor, id::wall, id::picture, id::table}) {
    state.object[room] = Transform{};
  }
  for (const Place& place : places_[arrangement]) {
    state.object[place.object] = turned(place.position, place.yaw);
  }
  const GripperKey key = gripper_at(gripper_keys_[arrangement], time);
  const Transform gripper = gripper_pose(key);
  state.object[id::gripper] = gripper;
  state.opening = key.opening;
  const Carry& carry = carries_[arrangement];
  state.object[carry.object] = carried(carry, gripper, time);

  if (arrangement == 0) {
    const double slid = std::clamp(time - 0.3, 0.0, cuts_[1] - 0.5);
    state.object[id::cube]->origin = state.object[id::cube]->origin + slid * slide_;
    if (time >= ball_start_) state.object[id::ball] = ball_at(time);
  } else {
    const Transform& disk = *state.object[id::turntable];
    const Transform spun = disk * turned({0, 0, 0}, turntable_speed_ * (time - cuts_[3]));
    state.object[id::mug] = spun * (disk.inverse() * *state.object[id::mug]);
    state.object[id::turntable] = spun;
  }
  return state;
}

Transform Script::camera_at(int shot, double time) const {
  const auto index = static_cast<std::size_t>(shot);
  const CameraPath& path = cameras_[index];
  const double begin = cuts_[index], length = cuts_[index + 1] - begin;
  const double swept = ease((time - begin) / length * 1.3 - 0.15);  // starts and ends at rest
  const double azimuth = path.azimuth + path.sweep * swept;
  const Vec3 offset{path.distance * std::sin(azimuth), -path.distance * std::cos(azimuth),
                    path.height};
  Transform camera =
      look_at(path.look + Vec3{offset.x, offset.y, offset.z - path.look.z}, path.look);
  camera.origin = camera.origin + (time - begin) * path.drift;
  return camera;
}

GripperKey Script::gripper_at(const std::vector<GripperKey>& keys, double time) const {
  if (time <= keys.front().time) return keys.front();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const GripperKey &from = keys[i - 1], &to = keys[i];
    if (time > to.time) continue;
    const double share = ease((time - from.time) / (to.time - from.time));
    return {time, from.tip + share * (to.tip - from.tip), blend(from.yaw, to.yaw, share),
            blend(from.opening, to.opening, share)};
  }
  return keys.back();
}

Transform Script::carried(const Carry& carry, const Transform& gripper, double time) const {
  if (time < carry.grasped) return carry.before;
  return time < carry.released ? gripper * carry.in_gripper : carry.after;
}

/// Rolls without slipping and slows down evenly.
Transform Script::ball_at(double time) const {
  const double t = std::clamp((time - ball_start_) / (ball_stop_ - ball_start_), 0.0, 1.0);
  const Vec3 path = ball_to_ - ball_from_;
  const double share = t * (2 - t);
  const Vec3 axis = normalized(cross({0, 0, 1}, path));
  Transform ball = turned_about(axis, share * length(path) / ball_radius_);
  const Vec3 center = ball_from_ + share * path;
  ball.origin = center - ball.rotate({0, 0, ball_radius_});  // the object's origin is its base
  return ball;
}

}  // namespace sluice::sample

#include "apps/sample/sample_text.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <span>

namespace sluice::sample {
namespace {

using Json = nlohmann::ordered_json;

/// Independent of the locale, and exact when read back.
std::string number(double value) {
  std::array<char, 32> text{};
  char* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string matrix_text(std::span<const double> values, std::size_t columns) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += number(values[i]);
    text += (i + 1) % columns == 0 ? '\n' : '\t';
  }
  return text;
}

}  // namespace

std::string pose_text(const stream::Pose& pose) {
  return matrix_text(pose, 4);
}

std::string intrinsics_text(const stream::Intrinsics& in) {
  const std::array<double, 9> matrix = {in.fx, 0, in.cx, 0, in.fy, in.cy, 0, 0, 1};
  return matrix_text(matrix, 3);
}

std::string objects_json(const SampleScene& scene) {
  Json objects = Json::array();
  for (const SceneObject& object : scene.objects()) {
    objects.push_back({{"id", object.id}, {"name", object.name}, {"role", name(object.role)}});
  }
  return Json({{"objects", objects}}).dump(2) + "\n";
}

std::string scene_json(const SampleScene& scene, const WriteOptions& options,
                       const WrittenSample& written) {
  Json shots = Json::array();
  for (const Shot& shot : scene.shots()) {
    shots.push_back({{"name", shot.name},
                     {"first_frame", shot.first},
                     {"last_frame", shot.last},
                     {"camera_moves", shot.camera_moves}});
  }
  Json events = Json::array();
  for (const Event& event : scene.events()) {
    events.push_back({{"frame", event.frame}, {"event", event.name}, {"object", event.object}});
  }
  const Json scene_options = {{"width", options.scene.width},
                              {"height", options.scene.height},
                              {"fps", options.scene.fps},
                              {"seconds", options.scene.seconds},
                              {"noise", options.scene.noise},
                              {"flicker", options.scene.flicker},
                              {"crf", options.crf},
                              {"rgbd_fps", options.rgbd_fps},
                              {"truth_fps", options.truth_fps},
                              {"grid", {options.grid_rows, options.grid_cols}}};
  const Json counts = {{"frames", scene.frame_count()},
                       {"video_frames_written", written.video_frames},
                       {"rgbd_frames_written", written.rgbd_frames},
                       {"truth_pairs_written", written.truth_pairs},
                       {"complete", !written.stopped}};
  return Json({{"synthetic", true},
               {"seed", scene.seed()},
               {"options", scene_options},
               {"counts", counts},
               {"shots", shots},
               {"events", events}})
             .dump(2) +
         "\n";
}

std::string readme_text(const SampleScene& scene, const WriteOptions& options) {
  return "A synthetic sample made by `sluice sample`, seed " + std::to_string(scene.seed()) +
         R"(. Nothing here was recorded: a ray caster
renders a made-up table-top scene, so everything about every pixel is known.

video.mp4              the story: an overview, a grasp, an orbit of the camera, a close-up of
                       another arrangement; hard cuts between them
scene.json             seed, options, first and last frame of each shot, when what begins
objects.json           id, name and role of every object
rgbd/                  some frames again, without video compression, with registered depth:
  *.color.png          the picture
  *.depth.png          16 bits, millimetres along the optical axis, 0 where there is none
  *.pose.txt           camera-to-world, 4x4, metres; camera axes x right, y down, z forward;
                       world axes x right, y away from the viewer, z up, table top at z = 0
  camera-intrinsics.txt  3x3, pixels; the centre of the upper left pixel is (0, 0)
masks/                 8 bits: the object id of every pixel of those frames
truth.safetensors      which patches changed between frames )" +
         number(1 / (options.truth_fps > 0 ? options.truth_fps : 1)) + R"( s apart:
  truth [F-1,S] u8     0 unchanged, 1 changed, 2 left out (in between)
  changed_share [F-1,S] f32, frame [F] i32, pts [F] f64

File names carry the frame's index in the video, from 0.

Truth. A pixel changed if its centre shows another surface than before, or if the point it shows
was more than half a pixel away: moving objects and a moving camera count alike. A patch changed
if at least 10 % of its pixels did, is unchanged if fewer than 2 % did, and is left out between.

What makes it hard: sensor noise, a global brightness that wavers, video compression, motion from
far below half a pixel per frame to several pixels, thin things, repeating textures.
What it lacks: shadows, reflections, motion blur, depth noise.
)";
}

}  // namespace sluice::sample

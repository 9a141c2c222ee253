#include "apps/spatial_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cmath>

#include "apps/option_checks.h"
#include "kernels/error.h"

namespace sluice::apps {
namespace {

struct Preset {
  const char* name;
  double voxel_size;  ///< metres
};
/// Rooms as published (LLaVA-3D); the others see objects of a few centimetres.
constexpr std::array presets{Preset{"room", 0.2}, Preset{"table-top", 0.03}, Preset{"robot", 0.02}};

double voxel_size_of(const std::string& name) {
  for (const Preset& preset : presets)
    if (name == preset.name) return preset.voxel_size;
  throw input_error("--preset", '"' + name + '"', "room, table-top or robot");
}

void require_share(const char* option, double value) {
  if (!(value >= 0 && value <= 1))
    throw input_error(option, fmt::format("{}", value), "a share, [0, 1]");
}

}  // namespace

std::vector<CLI::Option*> add_spatial_options(CLI::App& command, SpatialOptions& options) {
  std::vector<CLI::Option*> added;
  const auto add = [&](const char* group, const char* name, auto& value, const char* text) {
    auto* option = command.add_option(name, value, text)->group(group);
    added.push_back(option);
    return option;
  };
  constexpr auto kept = "3-D recordings: what is kept";
  add(kept, "--preset", options.preset,
      "Sets the voxel size: room 0.2 m, table-top 3 cm, robot 2 cm")
      ->check(CLI::IsMember({"room", "table-top", "robot"}))
      ->capture_default_str();
  add(kept, "--voxel-size", options.voxel_size, "Side of a voxel, metres [the preset's]")
      ->check(above_zero);
  add(kept, "--max-tokens", options.max_tokens, "Most tokens, whatever the share; 0: no cap")
      ->capture_default_str();
  add(kept, "--coverage", options.coverage,
      "Share of the budget for the best token of every region, [0, 1]")
      ->capture_default_str();
  add(kept, "--refresh", options.refresh,
      "Share of the budget for tokens that were not sent lately, [0, 1]")
      ->capture_default_str();
  add(kept, "--unseen", options.unseen, "Least share of the budget for what is out of view, [0, 1]")
      ->capture_default_str();
  add(kept, "--hysteresis", options.hysteresis, "How much higher kept tokens rank, against flicker")
      ->capture_default_str();

  constexpr auto map = "3-D recordings: the map";
  add(map, "--position", options.position,
      "A patch's place: robust over its pixels, or parity: its top left pixel")
      ->check(CLI::IsMember({"robust", "parity"}))
      ->capture_default_str();
  added.push_back(command
                      .add_flag("--no-removal", options.no_removal,
                                "Keep voxels that a later frame sees through")
                      ->group(map));
  add(map, "--max-distance", options.max_distance,
      "Forget voxels farther from the camera, metres; 0: never")
      ->capture_default_str();
  add(map, "--max-age", options.max_age, "Forget voxels not seen for this many frames; 0: never")
      ->capture_default_str();
  add(map, "--max-voxels", options.max_voxels, "Beyond it those seen longest ago are forgotten")
      ->capture_default_str();

  constexpr auto input = "3-D recordings: input";
  add(input, "--poses", options.poses,
      "auto: the recording's, or estimated where RGB-D frames have none; file; estimate; identity")
      ->check(CLI::IsMember({"auto", "file", "estimate", "identity"}))
      ->capture_default_str();
  add(input, "--depth-scale", options.depth_scale,
      "Depth units per metre [1000; TUM folders: 5000]")
      ->check(above_zero);
  add(input, "--intrinsics", options.intrinsics,
      "fx,fy,cx,cy of the colour camera, pixels [from the recording]");
  add(input, "--features", options.features,
      "safetensors with features [F,S,D] of your encoder [the built-in tokenizer's]");
  return added;
}

double SpatialOptions::voxel_size_m() const {
  return voxel_size ? *voxel_size : voxel_size_of(preset);
}

spatial3d::SpatialReducerOptions SpatialOptions::resolve() const {
  for (const auto& [option, share] :
       {std::pair{"--coverage", coverage}, std::pair{"--refresh", refresh},
        std::pair{"--unseen", unseen}})
    require_share(option, share);
  if (!(hysteresis >= 0 && std::isfinite(hysteresis)))
    throw input_error("--hysteresis", fmt::format("{}", hysteresis), "0 or more");
  if (!(retain > 0 && retain <= 1))
    throw input_error("--retain", fmt::format("{}", retain), "a share in (0, 1]");
  if (budget && *budget < 1)
    throw input_error("--budget", fmt::format("{}", *budget), "at least 1 token");
  if (max_tokens < 0)
    throw input_error("--max-tokens", fmt::format("{}", max_tokens), "0 (no cap) or more");
  if (!(max_distance >= 0 && std::isfinite(max_distance)))
    throw input_error("--max-distance", fmt::format("{}", max_distance), "metres, 0 or more");
  if (max_age < 0) throw input_error("--max-age", fmt::format("{}", max_age), "0 or more frames");
  if (max_voxels < 1)
    throw input_error("--max-voxels", fmt::format("{}", max_voxels), "at least 1 voxel");
  spatial3d::SpatialReducerOptions engine;
  engine.projection.position =
      position == "parity" ? spatial3d::PatchPosition::top_left : spatial3d::PatchPosition::robust;
  engine.map.voxel_size = static_cast<float>(voxel_size_m());
  engine.map.see_through_removal = !no_removal;
  engine.map.max_distance = max_distance;
  engine.map.max_age = max_age;
  engine.map.max_voxels = max_voxels;
  engine.gate.coverage_share = coverage;
  engine.gate.refresh_share = refresh;
  engine.gate.unseen_share = unseen;
  engine.gate.hysteresis = hysteresis;
  engine.retain = retain;
  engine.budget = budget;
  engine.max_tokens = max_tokens;
  return engine;
}

PoseChoice SpatialOptions::pose_choice() const {
  if (poses == "file") return PoseChoice::file;
  if (poses == "estimate") return PoseChoice::estimate;
  if (poses == "identity") return PoseChoice::identity;
  return PoseChoice::automatic;
}

std::optional<stream::Intrinsics> SpatialOptions::camera() const {
  if (!intrinsics) return std::nullopt;
  std::array<double, 4> values{};
  const char* place = intrinsics->data();
  const char* const end = place + intrinsics->size();
  bool good = true;
  for (std::size_t i = 0; i < values.size() && good; ++i) {
    const auto number = std::from_chars(place, end, values[i]);
    good = number.ec == std::errc() &&
           (i + 1 < values.size() ? number.ptr != end && *number.ptr == ',' : number.ptr == end);
    place = number.ptr + 1;
  }
  if (!good)
    throw input_error("--intrinsics", '"' + *intrinsics + '"',
                      "fx,fy,cx,cy in pixels, such as 585,585,320,240");
  return stream::Intrinsics{values[0], values[1], values[2], values[3]};
}

std::map<std::string, std::string> SpatialOptions::describe() const {
  std::map<std::string, std::string> settings{
      {"method", "spatial"},
      {"voxel_size", fmt::format("{}", voxel_size_m())},
      {"max_tokens", fmt::format("{}", max_tokens)},
      {"position", position},
      {"removal", no_removal ? "false" : "true"},
      {"max_distance", fmt::format("{}", max_distance)},
      {"max_age", fmt::format("{}", max_age)},
      {"max_voxels", fmt::format("{}", max_voxels)},
      {"coverage", fmt::format("{}", coverage)},
      {"refresh", fmt::format("{}", refresh)},
      {"unseen", fmt::format("{}", unseen)},
      {"hysteresis", fmt::format("{}", hysteresis)},
      {"poses", poses},
  };
  if (budget)
    settings["budget"] = fmt::format("{}", *budget);
  else
    settings["retain"] = fmt::format("{}", retain);
  if (depth_scale) settings["depth_scale"] = fmt::format("{}", *depth_scale);
  if (intrinsics) settings["intrinsics"] = *intrinsics;
  return settings;
}

}  // namespace sluice::apps

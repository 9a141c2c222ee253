// Keys of [[input]] and of the tables in it.
#include "apps/loop/loop_config_keys.h"

namespace sluice::apps {
namespace {

constexpr double most_tokens = 65'536;  // of a source: the engine reserves memory for them

/// What every source of the engine has.
ConfigKeys<policy::TickSourceOptions> source_keys() {
  using Options = policy::TickSourceOptions;
  return {
      number_key("floor", &Options::floor, between(0, most_tokens, "tokens"),
                 "It gets at least so many, if it has them"),
      number_key("cap", &Options::cap, between(0, most_tokens, "tokens"),
                 "It gets at most so many"),
      number_key("information", &Options::information, at_least(0, "factor"),
                 "Factor on its claim to the budget beyond the floors: 2 counts twice"),
      number_key("shape", &Options::shape, between(0, most_tokens, "tokens"),
                 "With fixed_shape: rows that it always has; cap unless given, else all it offers"),
  };
}

ConfigKeys<InputOptions> reading_keys() {
  using Options = InputOptions;
  constexpr double most_fps = 10'000;
  const Limits fps{.unit = "frames per second", .low = 0, .high = most_fps, .low_is_open = true};
  const Limits side = between(1, 65'536, "");
  return {
      required(text_key("source", &Options::input,
                        "file, folder, URL, camera, tcp://HOST:PORT or ipc://PATH",
                        "What the other commands take as INPUT, relative to the config file; "
                        "tcp:// and ipc:// receive features",
                        Decides::no)),
      number_key("fps", &Options::fps, fps, "Frames to take; all unless given"),
      number_key("image_rate", &Options::image_rate, fps,
                 "Rate at which an image sequence was taken: it has no times of its own"),
      list_key("grid", &Options::grid, 2, true, side, "[rows, columns]",
               "Tokens per frame; [14, 14] unless given, of an RGB-D frame [24, 24], of features "
               "the file's"),
      list_key("size", &Options::size, 2, true, side, "[width, height] in pixels",
               "Size that the built-in tokenizer works on; 384/14 per token unless given"),
      number_key("timeout_s", &Options::timeout_s, above(0, "seconds"),
                 "Live inputs: gives up after so long a silence; features that began may pause",
                 Decides::no),
      flag_key("allow_remote", &Options::allow_remote,
               "Features: listens on more than the loopback interface, without encryption",
               Decides::no),
  };
}

ConfigKeys<LoopInputConfig> make_input_keys() {
  ConfigKeys<LoopInputConfig> keys{};
  const auto source = [](auto& input) -> auto& { return input.source; };
  add_keys(keys, "",
           ConfigKeys<policy::TickSourceOptions>{required(text_key(
               "id", &policy::TickSourceOptions::id, "A-Z a-z 0-9 _ . -",
               "Name of its tokens in packets, feedback and metrics; unique", Decides::yes))},
           source);
  add_keys(keys, "", reading_keys(), [](auto& input) -> auto& { return input.input; });
  for (auto& key : ConfigKeys<LoopInputConfig>{
           flag_key("repeat", &LoopInputConfig::repeat, "A recording begins again at its end"),
           number_key("max_age_ms", &LoopInputConfig::max_age_ms, above(0, "ms"),
                      "Older frames are not offered any more: the model never acts on them"),
           number_key("max_rows", &LoopInputConfig::max_rows, between(1, most_tokens, "tokens"),
                      "Live features: most tokens of a frame; memory is reserved for them",
                      Decides::no),
           number_key("max_width", &LoopInputConfig::max_width, between(1, most_tokens, "numbers"),
                      "Live features: widest token", Decides::no)})
    keys.push_back(std::move(key));
  add_keys(keys, "", source_keys(), source);
  return keys;
}

ConfigKeys<LoopMemoryConfig> make_memory_keys() {
  ConfigKeys<LoopMemoryConfig> keys;
  const auto reduction = [](auto& memory) -> auto& { return memory.reduction; };
  const auto source = [](auto& memory) -> auto& { return memory.source; };
  using Memory = policy::SegmentMemoryOptions;
  add_keys(keys, "",
           ConfigKeys<Memory>{
               number_key("segments", &Memory::segments, between(1, 4096, "segments"),
                          "The newest so many are remembered"),
               number_key("tokens", &Memory::tokens, between(1, most_tokens, "tokens"),
                          "So many are offered to a tick at most, the newest segments first"),
           },
           [](auto& memory) -> auto& { return memory.memory; });
  using Reduction = temporal::VideoReducerOptions;
  using Holitom = temporal::HolitomParameters;
  add_keys(
      keys, "",
      ConfigKeys<Holitom>{number_key("retain", &Holitom::retain,
                                     {.unit = "share", .low = 0, .high = 1, .low_is_open = true},
                                     "Share of the input's tokens that segments are merged to")},
      [](auto& memory) -> auto& { return memory.reduction.reduction; });
  keys.push_back(number_key("tau", &LoopMemoryConfig::tau, between(-1, 1, "cosine"),
                            "Above it a place counts as unchanged; 0.8 for features unless given, "
                            "the built-in tokenizer has its own"));
  add_keys(
      keys, "",
      ConfigKeys<Reduction>{number_key("latency", &Reduction::latency, between(1, 65'536, "frames"),
                                       "A segment is remembered at the latest when so many "
                                       "wait")},
      reduction);
  add_keys(keys, "", source_keys(), source);
  return keys;
}

ConfigKeys<SpatialOptions> spatial_keys() {
  using Options = SpatialOptions;
  const Limits share = between(0, 1, "share");
  return {
      choice_key("preset", &Options::preset, {"room", "table-top", "robot"},
                 "Voxels of 0.2 m, 3 cm or 2 cm"),
      number_key("voxel_size", &Options::voxel_size, between(0.001, 100, "metres"),
                 "Side of a voxel; the preset's unless given"),
      number_key("tokens", &Options::budget, between(1, most_tokens, "tokens"),
                 "So many of the map are offered to a tick, the best"),
      choice_key("poses", &Options::poses, {"auto", "file", "estimate", "identity"},
                 "The recording's, estimated where it has none; its own only; estimates only; a "
                 "camera that does not move"),
      number_key("depth_scale", &Options::depth_scale, above(0, "units per metre"),
                 "Units of depth images; 1000 unless given, of TUM folders 5000"),
      list_key("intrinsics", &Options::intrinsics, 4, false, Limits{.unit = "pixels"},
               "[fx, fy, cx, cy] in pixels",
               "Intrinsics of the colour camera; the recording's unless given"),
      text_key("features", &Options::features, "safetensors file",
               "Features [F,S,D] of your encoder, a row per picture; the built-in tokenizer's "
               "unless given",
               Decides::no),
      choice_key("position", &Options::position, {"robust", "parity"},
                 "A patch's place: on its own surface, or the published top left pixel"),
      flag_key("no_removal", &Options::no_removal, "Keeps voxels that a later frame sees through"),
      number_key("max_distance", &Options::max_distance, at_least(0, "metres"),
                 "Forgets what is farther from the camera; 0: never"),
      number_key("max_age", &Options::max_age, at_least(0, "frames"),
                 "Forgets what was not seen for so long; 0: never"),
      number_key("max_voxels", &Options::max_voxels, at_least(1, "voxels"),
                 "Beyond it those seen longest ago are forgotten; bounds the memory"),
      number_key("coverage", &Options::coverage, share,
                 "Share of the offered tokens for the best of every region"),
      number_key("refresh", &Options::refresh, share, "Share for what was not offered lately"),
      number_key("unseen", &Options::unseen, share, "Least share for what is out of view"),
      number_key("hysteresis", &Options::hysteresis, at_least(0, "score"),
                 "How much higher offered tokens rank, against flicker"),
  };
}

ConfigKeys<LoopVoxelConfig> make_voxel_keys() {
  ConfigKeys<LoopVoxelConfig> keys;
  add_keys(keys, "", spatial_keys(), [](auto& voxels) -> auto& { return voxels.spatial; });
  add_keys(keys, "", source_keys(), [](auto& voxels) -> auto& { return voxels.source; });
  return keys;
}

}  // namespace

LoopVoxelConfig default_voxels() {
  LoopVoxelConfig voxels;
  voxels.spatial.budget = 256;
  return voxels;
}

const ConfigKeys<LoopInputConfig>& input_keys() {
  static const ConfigKeys<LoopInputConfig> keys = make_input_keys();
  return keys;
}

const ConfigKeys<LoopMemoryConfig>& memory_keys() {
  static const ConfigKeys<LoopMemoryConfig> keys = make_memory_keys();
  return keys;
}

const ConfigKeys<LoopVoxelConfig>& voxel_keys() {
  static const ConfigKeys<LoopVoxelConfig> keys = make_voxel_keys();
  return keys;
}

}  // namespace sluice::apps

// Writes the sample to a folder: the video, and everything that is known about it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "apps/sample/scene.h"

namespace sluice::sample {

struct WriteOptions {
  std::uint64_t seed = 1;
  SampleOptions scene;
  int crf = 23;          ///< x264 quality of the video, 0 to 51; lower is better and larger
  double rgbd_fps = 3;   ///< depth images, poses and masks per second; 0: none
  double truth_fps = 5;  ///< the truth compares frames this far apart; 0: none
  int grid_rows = 14;    ///< patches of the truth
  int grid_cols = 14;
};

/// What was written. Fewer frames than the scene has if it was stopped.
struct WrittenSample {
  std::int64_t video_frames = 0;
  std::int64_t rgbd_frames = 0;
  std::int64_t truth_pairs = 0;
  bool stopped = false;
};

/// Called with the number of frames done and the total, after each frame, on the caller's thread.
using Progress = std::function<void(std::int64_t done, std::int64_t total)>;

/// Creates `folder` if need be and writes
///
///   video.mp4                        H.264, one frame per scene frame
///   rgbd/frame-NNNNNN.color.png      every so many frames, named by their index in the video
///   rgbd/frame-NNNNNN.depth.png      16 bits, millimetres along the optical axis, 0: none
///   rgbd/frame-NNNNNN.pose.txt       camera-to-world, 4x4, metres
///   rgbd/camera-intrinsics.txt       3x3, pixels
///   masks/frame-NNNNNN.png           8 bits, object ids
///   objects.json                     id, name and role of each object
///   scene.json                       seed, options, shots, events, counts
///   truth.safetensors                `truth [F-1,S]` u8: 0 unchanged, 1 changed, 2 left out;
///                                    `changed_share [F-1,S]` f32; `frame [F]` i32; `pts [F]` f64
///   README.txt                       what all this is
///
/// Each file appears complete or not at all. Frames of an earlier sample in the same folder are
/// removed first. When `stop` becomes true, what is finished so far is written as a shorter sample.
/// Throws sluice::Error: kind input for bad options, kind system if the disk is full; files written
/// before that are valid.
WrittenSample write_sample(const std::filesystem::path& folder, const WriteOptions& options,
                           const Progress& progress = {}, const std::atomic<bool>* stop = nullptr);

}  // namespace sluice::sample

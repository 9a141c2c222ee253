// The overlay of a whole recording, as a video.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "apps/report/overlay.h"
#include "apps/report/picture_video.h"

namespace sluice::report {

/// Fills `image` with the next picture and returns the index of its frame in the trace; nothing at
/// the end of the recording. Indices grow.
using NextPicture = std::function<std::optional<std::int64_t>(stream::Image& image)>;

struct OverlayVideoOptions {
  OverlayStyle style;
  PictureVideoOptions video;
  std::function<void(std::int64_t frames)> progress;  ///< called after each frame
  std::function<bool()> stop;  ///< asked before each frame; what is written by then stays playable
};

/// Writes an H.264 MP4 with the trace's time stamps and returns the number of its frames; 0 frames
/// leave no file. Throws sluice::Error: kind input for a picture without a frame in the trace, kind
/// system if the disk is full.
std::int64_t write_overlay(const NextPicture& next_picture, const stream::SourceTrace& trace,
                           const std::filesystem::path& path,
                           const OverlayVideoOptions& options = {});

}  // namespace sluice::report

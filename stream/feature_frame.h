// Frames of features, before any reduction: the input of every reducer, and where they come from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/tensor.h"
#include "stream/source.h"

namespace sluice::stream {

/// Tokens of one source at one time.
struct FeatureFrame {
  std::int64_t index = 0;  ///< 0, 1, 2 … in the order of arrival
  double pts = 0;          ///< seconds from the start of the recording or stream
  std::int64_t episode = 0;
  kernels::Tensor features;   ///< [S,D], f32, f16 or bf16
  kernels::Tensor attention;  ///< [S] f32, attention received; undefined if there is none
  kernels::Tensor semantic;   ///< [S] f32, relevance to the instruction; undefined if there is none
};

/// What went wrong on the way without ending the stream.
struct InputStatistics {
  std::int64_t frames = 0;           ///< frames delivered
  std::int64_t decoded = 0;          ///< frames decoded, before sampling
  std::int64_t skipped_packets = 0;  ///< damaged packets, messages or frames that were skipped
  std::int64_t size_changes = 0;     ///< changes of resolution in mid-stream
  std::vector<std::string> notes;    ///< one line per distinct problem, for people
};

/// A recording or a live stream, as frames of features.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// The grid, image size and feature width; known once the source is open.
  [[nodiscard]] virtual const Source& source() const = 0;
  /// Fills `frame`, reusing its memory. False at the end of the stream. Damaged input is skipped
  /// and counted; throws sluice::Error only if nothing more can be read.
  [[nodiscard]] virtual bool next(FeatureFrame& frame) = 0;
  [[nodiscard]] virtual InputStatistics statistics() const = 0;
  /// Number of frames, if known in advance (for progress).
  [[nodiscard]] virtual std::optional<std::int64_t> frame_count() const { return std::nullopt; }
  /// True if the source can be opened again and gives the same frames.
  [[nodiscard]] virtual bool is_recording() const = 0;
};

}  // namespace sluice::stream

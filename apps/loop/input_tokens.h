// One input of a loop, frame by frame: a camera's tokens, and what was made of the frames before.
// The same code runs live and in a replay, so the same frames give the same tokens.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/loop/loop_config.h"
#include "kernels/resources.h"
#include "stream/feature_frame.h"
#include "stream/token_batch.h"

namespace sluice::apps {

/// What one input offers to a tick. Batches without rows are not offered.
struct InputTokens {
  std::int64_t frame = -1;  ///< newest one in here; −1: none yet
  double pts = 0;           ///< seconds
  std::int64_t episode = 0;
  stream::TokenBatch camera;
  std::vector<float> semantic;  ///< [rows of camera] as the input gave it, or empty
  stream::TokenBatch memory, voxels;
  std::int64_t memory_state = 0;  ///< changes with what `memory` holds
};

/// What of an input a tick may be offered; decides which sources the engine has.
struct InputShape {
  std::int64_t rows = 0, width = 0;  ///< of the camera's tokens, at most
  bool has_memory = false, has_voxels = false;
};

class LoopInput {
 public:
  LoopInput() = default;
  LoopInput(const LoopInput&) = delete;
  LoopInput& operator=(const LoopInput&) = delete;
  virtual ~LoopInput() = default;
  /// The next frame. False at the end. Throws sluice::Error only if nothing more can be read.
  [[nodiscard]] virtual bool next(InputTokens& tokens) = 0;
  [[nodiscard]] virtual const InputShape& shape() const noexcept = 0;
  [[nodiscard]] virtual stream::InputStatistics statistics() const = 0;
  /// True if it can be opened again and gives the same frames: a log then only refers to it.
  [[nodiscard]] virtual bool is_recording() const = 0;
};

/// Called with every frame of a live input before anything is made of it: it can't be read again.
using OnLiveFrame =
    std::function<void(const stream::Source& source, const stream::FeatureFrame& frame)>;

/// Opens what the config names. Throws sluice::Error. Ends early once `stop` is true.
[[nodiscard]] std::unique_ptr<LoopInput> open_loop_input(const LoopInputConfig& config,
                                                         const std::atomic<bool>& stop,
                                                         OnLiveFrame on_live_frame = {});
/// The same over another source of frames: in a replay, those of a live input's log.
[[nodiscard]] std::unique_ptr<LoopInput> make_loop_input(
    const LoopInputConfig& config, std::unique_ptr<stream::FrameSource> source);

}  // namespace sluice::apps

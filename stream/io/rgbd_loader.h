// Reads the frames of an RGB-D data set one ahead of its caller: decoding, metres, registration.
// Private to RgbdSource.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "kernels/tensor.h"
#include "stream/io/depth_registration.h"
#include "stream/io/image.h"
#include "stream/io/rgbd_index.h"
#include "stream/io/still_image.h"

namespace sluice::stream {

struct LoadedRgbd {
  std::size_t frame = 0;  ///< of RgbdIndex::frames
  Image colour;
  kernels::Tensor depth;  ///< [H,W] f32 metres, registered to `colour`
  Intrinsics intrinsics;  ///< of `depth`
};

/// What happened on the way to the next frame.
struct LoadReport {
  bool loaded = false;        ///< false: there are no more
  std::int64_t unusable = 0;  ///< frames passed over
  std::vector<std::string> problems;
};

class RgbdLoader {
 public:
  /// Loads the first frame, so that whatever is unusable fails here. `index` and `stop`, which may
  /// be null, must outlive the loader. Throws sluice::Error: kind input if no frame can be read, or
  /// as DepthRegistration does; kind system if `stop` was set meanwhile.
  RgbdLoader(const RgbdIndex& index, const std::atomic<bool>* stop);
  RgbdLoader(const RgbdLoader&) = delete;
  RgbdLoader& operator=(const RgbdLoader&) = delete;
  ~RgbdLoader();

  /// Swaps the next readable frame into `loaded`, and goes on reading on a thread of its own. Not
  /// to be called again after the end or an exception.
  [[nodiscard]] LoadReport next(LoadedRgbd& loaded);

  /// At the size of the first frame's picture.
  [[nodiscard]] const Camera& colour_camera() const noexcept {
    return registration_->colour_camera();
  }

 private:
  [[nodiscard]] LoadReport load_ahead();
  [[nodiscard]] bool read_files(std::size_t frame, LoadReport& report);
  [[nodiscard]] bool stopped() const noexcept;

  const RgbdIndex& index_;
  const std::atomic<bool>* caller_stop_;
  std::atomic<bool> cancelled_ = false;

  // While `pending_` is running only its thread touches these, otherwise only the caller's.
  StillImageReader reader_;
  RawDepth raw_;
  kernels::Tensor metres_;
  LoadedRgbd ahead_;
  std::size_t next_frame_ = 0;
  std::optional<DepthRegistration> registration_;  ///< written once, by the constructor

  std::future<LoadReport> pending_;  ///< last, so that it ends before what it uses
};

}  // namespace sluice::stream

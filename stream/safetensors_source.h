// Frames of features from a safetensors file: the user's own encoder output.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "stream/feature_frame.h"
#include "stream/grid.h"

namespace sluice::stream {

struct SafetensorsSourceOptions {
  std::string source_id = "camera";
  std::optional<Grid> grid =
      std::nullopt;  ///< default: metadata `grid`, or the squarest factorisation of S
  std::optional<double> fps =
      std::nullopt;  ///< pts of frame f is f / fps where the file has no pts; default 1
  std::int64_t episode = 0;
};

/// In the file: `features [F,S,D]` (f32, f16, bf16; F, S, D ≥ 1), optional `attention [F,S]` and
/// `semantic [F,S]` (f32, f16, bf16, f64), optional `pts [F]` (f64, seconds, finite), optional
/// metadata `grid` = "rows,columns", `image_size` = "width,height", `intrinsics`, `pose`. Other
/// tensors are ignored. Frames are copied out of a mapping, so a large file costs no memory.
class SafetensorsSource final : public FrameSource {
 public:
  /// Throws sluice::Error if the file can't be opened, is damaged, or holds anything else.
  explicit SafetensorsSource(const std::filesystem::path& path,
                             const SafetensorsSourceOptions& options = {});
  ~SafetensorsSource() override;

  [[nodiscard]] const Source& source() const override;
  [[nodiscard]] bool next(FeatureFrame& frame) override;
  [[nodiscard]] InputStatistics statistics() const override;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override;
  [[nodiscard]] bool is_recording() const override { return true; }

 private:
  struct Contents;
  std::unique_ptr<Contents> contents_;
  std::int64_t next_frame_ = 0;
};

}  // namespace sluice::stream

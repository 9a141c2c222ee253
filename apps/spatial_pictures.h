// Pictures of a 3-D recording as it passes by: the overlay video, and small ones for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "apps/report/picture_video.h"
#include "apps/report/thumbnails.h"
#include "spatial3d/spatial_reducer.h"
#include "stream/io/image.h"
#include "stream/spatial_frame.h"

namespace sluice::apps {

class SpatialPictures {
 public:
  /// `overlay`: where the video goes, if there shall be one. `moments`: whether to keep small
  /// pictures. `frames`: how many there will be; 0: unknown.
  SpatialPictures(const std::optional<std::filesystem::path>& overlay, bool moments,
                  std::int64_t frames);

  /// `picture` is that of `frame`; `update` and `reducer` are as they are after it.
  void add(const stream::Image& picture, const stream::SpatialFrame& frame,
           const spatial3d::SpatialUpdate& update, const spatial3d::SpatialReducer& reducer,
           double voxel_size);
  /// Puts the video in its place.
  void finish();
  [[nodiscard]] const report::Thumbnails& moments() const noexcept { return moments_; }

 private:
  void keep_moment(const stream::Image& drawn, std::int64_t frame);

  std::optional<report::PictureVideo> video_;
  bool wants_moments_;
  std::int64_t frames_;
  std::int64_t stride_ = 1;
  report::Thumbnails moments_;
};

}  // namespace sluice::apps

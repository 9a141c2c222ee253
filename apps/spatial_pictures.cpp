#include "apps/spatial_pictures.h"

#include "apps/report/image_scale.h"
#include "apps/report/spatial_overlay.h"
#include "apps/report/spatial_report.h"

namespace sluice::apps {
namespace {

constexpr int moment_width = 420;

report::SpatialMoment moment_of(const stream::SpatialFrame& frame,
                                const spatial3d::SpatialUpdate& update,
                                const spatial3d::SpatialReducer& reducer, std::int64_t frames,
                                double voxel_size) {
  report::SpatialMoment moment;
  moment.frame = frame.index;
  moment.frames = frames;
  moment.pts = frame.pts;
  moment.pose = frame.pose ? &*frame.pose : nullptr;
  moment.intrinsics = frame.intrinsics;
  moment.depth = frame.depth.as<float>();
  moment.depth_height = static_cast<int>(frame.depth.size(0));
  moment.depth_width = static_cast<int>(frame.depth.size(1));
  moment.voxel_size = voxel_size;
  moment.xyz = reducer.table().xyz;
  moment.keep = update.decision.keep;
  moment.reason = update.decision.reason;
  moment.turnover = update.decision.turnover;
  return moment;
}

}  // namespace

SpatialPictures::SpatialPictures(const std::optional<std::filesystem::path>& overlay, bool moments,
                                 std::int64_t frames)
    : wants_moments_(moments), frames_(frames) {
  constexpr double frame_rate = 10;  // says how long the last frame stays; no more is known yet
  if (overlay) video_.emplace(*overlay, report::PictureVideoOptions{}, frame_rate);
}

void SpatialPictures::add(const stream::Image& picture, const stream::SpatialFrame& frame,
                          const spatial3d::SpatialUpdate& update,
                          const spatial3d::SpatialReducer& reducer, double voxel_size) {
  const report::SpatialMoment moment = moment_of(frame, update, reducer, frames_, voxel_size);
  if (video_)
    video_->add(picture, frame.pts,
                [&](stream::Image& shown) { report::draw_spatial_overlay(shown, moment); });
  if (!wants_moments_ || frame.index % stride_ != 0) return;
  stream::Image drawn = report::shrunk_to_width(picture, 2 * moment_width);
  report::draw_spatial_overlay(drawn, moment, {.caption = false});
  keep_moment(drawn, frame.index);
}

void SpatialPictures::keep_moment(const stream::Image& drawn, std::int64_t frame) {
  moments_[frame] = report::shrunk_to_width(drawn, moment_width);
  if (moments_.size() < 2 * report::max_spatial_moments) return;
  // Nobody knows how long the recording is: from now on every second of what was kept so far.
  stride_ *= 2;
  std::erase_if(moments_, [this](const auto& entry) { return entry.first % stride_ != 0; });
}

void SpatialPictures::finish() {
  if (video_) video_->finish();
}

}  // namespace sluice::apps

#include "spatial3d/spatial_reducer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/error.h"
#include "kernels/rounding.h"
#include "stream/pose.h"

namespace sluice::spatial3d {
namespace {

void check(const SpatialReducerOptions& options) {
  if (!(options.retain > 0 && options.retain <= 1))
    throw input_error("retain", concat(options.retain), "0 < retain ≤ 1");
  if (options.budget && *options.budget < 1)
    throw input_error("budget", concat(*options.budget), "at least 1 token");
  if (options.max_tokens < 0)
    throw input_error("max-tokens", concat(options.max_tokens), "0 (no cap) or more");
}

/// The gate measures neighbourhoods in the map's voxels.
SpatialReducerOptions completed(SpatialReducerOptions options) {
  options.gate.voxel_size = options.map.voxel_size;
  return options;
}

void check(const stream::SpatialFrame& frame) {
  if (frame.index < 0 || frame.index > std::numeric_limits<std::int32_t>::max())
    throw input_error("frame", concat("index ", frame.index), "0 to 2^31 - 1");
  const bool cloud = frame.points.defined();
  if (cloud == frame.features.defined() || cloud == frame.depth.defined())
    throw input_error(concat("frame ", frame.index), "is neither a picture nor a cloud",
                      "either features with a depth image, or points");
}

template <typename T>
void gather(const std::vector<T>& column, const std::vector<std::int32_t>& rows,
            std::vector<T>& gathered, std::size_t per_row = 1) {
  gathered.clear();
  gathered.reserve(rows.size() * per_row);
  for (const auto row : rows)
    for (std::size_t i = 0; i < per_row; ++i)
      gathered.push_back(column[static_cast<std::size_t>(row) * per_row + i]);
}

}  // namespace

SpatialReducer::SpatialReducer(kernels::Resources& resources, const stream::Source& source,
                               const SpatialReducerOptions& options)
    : resources_(resources),
      source_(source),
      options_(completed(options)),
      map_(resources, options_.map),
      gate_(options_.gate) {
  check(options_);
  validate(source_, "source");
}

void SpatialReducer::push(const stream::SpatialFrame& frame, SpatialUpdate& update) {
  check(frame);
  update.frame = static_cast<std::int32_t>(frame.index);
  update.pts = frame.pts;
  update.has_pose = frame.pose.has_value();

  MapView view;
  view.frame = update.frame;
  view.pts = frame.pts;
  view.pose = frame.pose;
  if (frame.points.defined())
    place_cloud(frame, view);
  else
    place_patches(frame, view);

  update.patches = view.features.size(0);
  feature_type_ = view.features.dtype();
  feature_width_ = view.features.size(1);
  places_ = update.has_pose ? view.xyz : std::span<const float>();
  if (update.has_pose) {
    map_.integrate(view, update.changes);
    map_.table(table_);
    source_.pose = frame.pose;
  } else {
    update.changes.clear();
    update.changes.voxel_of_patch.assign(static_cast<std::size_t>(update.patches),
                                         static_cast<std::int64_t>(stream::DropReason::no_depth));
  }
  const auto& voxels = update.changes.voxel_of_patch;
  update.placed = std::count_if(voxels.begin(), voxels.end(), [](auto key) { return key >= 0; });
  update.non_finite = std::count(voxels.begin(), voxels.end(),
                                 static_cast<std::int64_t>(stream::DropReason::non_finite));
  update.voxels = table_.size();
  update.budget =
      options_.budget
          ? *options_.budget
          : kernels::round_half_even(options_.retain * static_cast<double>(update.voxels));
  if (options_.max_tokens > 0) update.budget = std::min(update.budget, options_.max_tokens);
  gate_.select(table_, update.budget, update.decision);
}

void SpatialReducer::place_patches(const stream::SpatialFrame& frame, MapView& view) {
  const stream::Grid grid{source_.grid_rows, source_.grid_cols};
  if (frame.features.size(0) != source_.positions())
    throw input_error(concat("frame ", frame.index), concat(frame.features.size(0), " features"),
                      concat(source_.positions(), ", one per position of the grid"));
  view.features = frame.features.view();
  if (!frame.pose) return;
  back_project(resources_, frame.depth.view(), frame.intrinsics, *frame.pose, grid,
               options_.projection, xyz_);
  view.xyz = xyz_;
  view.depth = frame.depth.view();
  view.intrinsics = frame.intrinsics;
}

void SpatialReducer::place_cloud(const stream::SpatialFrame& frame, MapView& view) {
  // Without a pose the elements are made where the sensor is: they are counted, not placed.
  cloud_elements(resources_, frame.points.view(),
                 frame.colours.defined() ? frame.colours.view() : kernels::TensorView(),
                 frame.pose.value_or(stream::identity_pose()), options_.map.voxel_size, elements_);
  view.features = elements_.features.view();
  view.xyz = elements_.xyz;
}

void SpatialReducer::reset() {
  map_.clear();
  gate_.reset();
  table_ = {};
  source_.pose.reset();
  places_ = {};
}

void SpatialReducer::tokens(const GateDecision& decision, stream::TokenBatch& batch) const {
  const auto& rows = decision.keep;
  batch.source = source_;
  batch.source.grid_rows = batch.source.grid_cols = 0;
  if (rows.empty())  // an empty map may not know its feature type yet
    batch.features.reshape(feature_type_, {0, feature_width_});
  else
    map_.features(table_, rows, batch.features);
  batch.source.feature_width = static_cast<std::int32_t>(batch.features.size(1));
  gather(table_.key, rows, batch.key);
  gather(table_.first_frame, rows, batch.frame);
  gather(table_.last_frame, rows, batch.frame_last);
  gather(table_.first_pts, rows, batch.pts);
  gather(table_.last_pts, rows, batch.pts_last);
  gather(table_.xyz, rows, batch.xyz, 3);
  gather(table_.weight, rows, batch.weight);
  gather(decision.score, rows, batch.score);
  batch.position.clear();
  batch.kind.assign(rows.size(), static_cast<std::uint8_t>(stream::TokenKind::spatial));
  batch.reason = decision.reason;
}

}  // namespace sluice::spatial3d

#include "stream/safetensors_source.h"

#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "stream/metadata_fields.h"
#include "stream/safetensors.h"
#include "stream/source_metadata.h"
#include "stream/tensor_access.h"
#include "stream/token_batch.h"

namespace sluice::stream {

struct SafetensorsSource::Contents {
  explicit Contents(SafetensorsFile opened) : file(std::move(opened)) {}

  SafetensorsFile file;
  Source source;
  kernels::TensorView features;   // [F,S,D], perhaps not aligned
  kernels::TensorView attention;  // [F,S] of any float type, or undefined
  kernels::TensorView semantic;   // likewise
  std::vector<double> pts;        // [F]
  std::int64_t episode = 0;
};

namespace {

kernels::TensorView get_features(const SafetensorsView& blob) {
  constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
  const kernels::TensorView features = require_features(blob, "features", {-1, -1, -1});
  for (const std::int64_t extent : features.shape().extents())
    if (extent < 1 || extent > limit)
      throw input_error(tensor_place(blob, "features"),
                        concat("has shape ", features.shape().to_string()),
                        "[F,S,D], each at least 1 and below 2^31");
  return features;
}

kernels::TensorView get_per_token(const SafetensorsView& blob, std::string_view name,
                                  const kernels::TensorView& features) {
  if (!blob.contains(name)) return {};
  return require_floats(blob, name, {features.size(0), features.size(1)});
}

Grid choose_grid(const SafetensorsView& blob, const SafetensorsSourceOptions& options,
                 std::int32_t positions) {
  Grid grid = squarest_grid(positions);
  std::string origin;
  if (options.grid) {
    grid = *options.grid;
    origin = concat(blob.where(), ", the grid asked for");
  } else if (const auto found = blob.metadata().find("grid"); found != blob.metadata().end()) {
    origin = MetadataReader(blob).place("grid");
    grid = parse_grid(found->second, origin);
  }
  if (std::int64_t{grid.rows} * grid.cols != positions)
    throw input_error(origin,
                      concat(grid.rows, ",", grid.cols, " has ",
                             std::int64_t{grid.rows} * grid.cols, " positions"),
                      concat("as many as the features have, ", positions));
  return grid;
}

Source make_source(const SafetensorsView& blob, const SafetensorsSourceOptions& options,
                   const kernels::TensorView& features) {
  const auto positions = static_cast<std::int32_t>(features.size(1));
  const Grid grid = choose_grid(blob, options, positions);
  Source source = get_source(MetadataReader(blob), options.source_id, "");
  source.grid_rows = grid.rows;
  source.grid_cols = grid.cols;
  source.feature_width = static_cast<std::int32_t>(features.size(2));
  validate(source, blob.where());
  return source;
}

std::vector<double> get_pts(const SafetensorsView& blob, const SafetensorsSourceOptions& options,
                            std::int64_t frames) {
  if (!blob.contains("pts")) {
    const double fps = options.fps.value_or(1.0);
    std::vector<double> pts(static_cast<std::size_t>(frames));
    for (std::size_t f = 0; f < pts.size(); ++f) pts[f] = static_cast<double>(f) / fps;
    return pts;
  }
  auto pts = to_vector<double>(require_tensor(blob, "pts", kernels::DType::f64, {frames}));
  for (std::size_t f = 0; f < pts.size(); ++f)
    if (!std::isfinite(pts[f]))
      throw input_error(tensor_place(blob, "pts"), concat("frame ", f, " has no finite time"),
                        "seconds");
  return pts;
}

void copy_row(const kernels::TensorView& per_token, std::int64_t frame, kernels::Tensor& into) {
  if (!per_token.defined()) {
    into = kernels::Tensor();
    return;
  }
  const kernels::TensorView row = per_token[frame];
  into.reshape(kernels::DType::f32, row.shape());
  convert_to_f32(row, into.as<float>());
}

}  // namespace

SafetensorsSource::SafetensorsSource(const std::filesystem::path& path,
                                     const SafetensorsSourceOptions& options) {
  if (options.fps && !(std::isfinite(*options.fps) && *options.fps > 0))
    throw input_error(path.string(), concat(*options.fps, " frames per second"), "more than 0");
  contents_ = std::make_unique<Contents>(SafetensorsFile(path));
  const SafetensorsView& blob = contents_->file.contents();
  contents_->features = get_features(blob);
  contents_->attention = get_per_token(blob, "attention", contents_->features);
  contents_->semantic = get_per_token(blob, "semantic", contents_->features);
  contents_->source = make_source(blob, options, contents_->features);
  contents_->pts = get_pts(blob, options, contents_->features.size(0));
  contents_->episode = options.episode;
}

SafetensorsSource::~SafetensorsSource() = default;

const Source& SafetensorsSource::source() const {
  return contents_->source;
}

bool SafetensorsSource::next(FeatureFrame& frame) {
  if (next_frame_ == contents_->features.size(0)) return false;
  frame.index = next_frame_;
  frame.pts = contents_->pts[static_cast<std::size_t>(next_frame_)];
  frame.episode = contents_->episode;
  frame.features.copy_from(contents_->features[next_frame_]);
  copy_row(contents_->attention, next_frame_, frame.attention);
  copy_row(contents_->semantic, next_frame_, frame.semantic);
  ++next_frame_;
  return true;
}

InputStatistics SafetensorsSource::statistics() const {
  InputStatistics statistics;
  statistics.frames = next_frame_;
  statistics.decoded = next_frame_;
  return statistics;
}

std::optional<std::int64_t> SafetensorsSource::frame_count() const {
  return contents_->features.size(0);
}

}  // namespace sluice::stream

#include "stream/io/rgbd_source.h"

#include <utility>

#include "kernels/error.h"
#include "stream/io/rgbd_loader.h"
#include "stream/pose.h"
#include "stream/safetensors_source.h"
#include "stream/token_batch.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

RgbdIndex index_folder(const fs::path& folder, const RgbdSourceOptions& options) {
  if (is_tum_folder(folder)) return index_tum_folder(folder, options.association_s);
  if (is_rgbd_folder(folder)) return index_rgbd_folder(folder, options.frame_rate);
  std::error_code error;
  throw input_error(folder.string(),
                    fs::exists(folder, error) ? "holds no RGB-D frames" : "no such folder",
                    "frame-NNNNNN.color.png and frame-NNNNNN.depth.png, or rgb.txt and depth.txt");
}

RgbdIndex make_index(const fs::path& folder, const RgbdSourceOptions& options) {
  RgbdIndex index = index_folder(folder, options);
  if (options.depth_encoding) index.encoding = *options.depth_encoding;
  if (options.intrinsics)
    index.colour_camera = NamedCamera{{*options.intrinsics, 0, 0}, "the intrinsics given"};
  if (options.depth_intrinsics)
    index.depth_camera =
        NamedCamera{{*options.depth_intrinsics, 0, 0}, "the depth camera's intrinsics given"};
  if (options.depth_to_colour) index.depth_to_colour = options.depth_to_colour;
  read_camera_files(index);
  if (index.depth_to_colour && !is_rigid(*index.depth_to_colour))
    throw input_error("depth to colour", "is not rigid",
                      "a rotation and a translation in metres, last row 0 0 0 1");
  return index;
}

}  // namespace

class RgbdSource::Implementation {
 public:
  Implementation(const fs::path& folder, const RgbdSourceOptions& options);

  [[nodiscard]] bool next(SpatialFrame& frame);
  [[nodiscard]] const Source& source() const noexcept { return source_; }
  [[nodiscard]] InputStatistics statistics() const;
  [[nodiscard]] const RgbdIndex& index() const noexcept { return index_; }
  [[nodiscard]] const Image& picture() const noexcept { return loaded_.colour; }

 private:
  void open_features();
  void describe_source();
  void note(const LoadReport& report);
  void note_size();
  void set_features(const RgbdFiles& files, SpatialFrame& frame);
  void set_pose(const RgbdFiles& files, SpatialFrame& frame);

  RgbdSourceOptions options_;
  RgbdIndex index_;
  Tokenizer tokenizer_;
  std::unique_ptr<SafetensorsSource> features_;  ///< null: the tokenizer's
  FeatureFrame feature_frame_;
  std::int64_t features_read_ = 0;
  Source source_;

  LoadedRgbd loaded_;
  PictureSize last_size_;
  InputStatistics counts_;
  std::int64_t poses_estimated_ = 0;
  bool ended_ = false;
  RgbdLoader loader_;  ///< last: it reads `index_` on its own thread
};

RgbdSource::Implementation::Implementation(const fs::path& folder, const RgbdSourceOptions& options)
    : options_(options),
      index_(make_index(folder, options)),
      tokenizer_(options.tokenizer),
      loader_(index_, options.stop) {
  check_source_id(options.source_id, "source");
  if (options.features) open_features();
  describe_source();
  counts_.skipped_packets = index_.incomplete;
}

void RgbdSource::Implementation::open_features() {
  features_ = std::make_unique<SafetensorsSource>(
      *options_.features, SafetensorsSourceOptions{.source_id = options_.source_id});
  const std::int64_t frames = features_->frame_count().value_or(0);
  if (frames != index_.pictures)
    throw input_error(
        options_.features->string(), concat("has features of ", frames, " frames"),
        concat(index_.pictures, ", one per colour picture of ", index_.folder.string()));
}

void RgbdSource::Implementation::describe_source() {
  const Camera& camera = loader_.colour_camera();
  if (features_) {
    source_ = features_->source();
    source_.image_width = camera.width;
    source_.image_height = camera.height;
  } else {
    source_ = tokenizer_.source(options_.source_id, camera.width, camera.height);
  }
  source_.intrinsics = camera.intrinsics;
}

bool RgbdSource::Implementation::next(SpatialFrame& frame) {
  if (ended_ || (options_.stop != nullptr && options_.stop->load())) return false;
  ended_ = true;  // unless all goes well
  const LoadReport report = loader_.next(loaded_);
  note(report);
  if (!report.loaded) return false;
  note_size();
  const RgbdFiles& files = index_.frames[loaded_.frame];
  frame.index = counts_.frames;
  frame.pts = files.pts;
  frame.episode = 0;
  frame.intrinsics = loaded_.intrinsics;
  std::swap(frame.depth, loaded_.depth);
  frame.points = {};
  frame.colours = {};
  set_features(files, frame);
  set_pose(files, frame);
  ++counts_.frames;
  ended_ = false;
  return true;
}

void RgbdSource::Implementation::note(const LoadReport& report) {
  counts_.skipped_packets += report.unusable;
  if (report.loaded) ++counts_.decoded;
  for (const std::string& problem : report.problems) index_.problems.add(problem);
}

void RgbdSource::Implementation::note_size() {
  const PictureSize size{loaded_.colour.width, loaded_.colour.height};
  if (last_size_ != PictureSize{} && size != last_size_) {
    ++counts_.size_changes;
    index_.problems.add(concat("pictures change from ", last_size_.width, "x", last_size_.height,
                               " to ", size.width, "x", size.height,
                               " pixels; the view is taken to stay the same"));
  }
  last_size_ = size;
}

void RgbdSource::Implementation::set_features(const RgbdFiles& files, SpatialFrame& frame) {
  if (!features_) {
    tokenizer_.tokenize(loaded_.colour, frame.features);
    frame.attention = {};
    return;
  }
  // The file is read in order; rows of frames that were skipped are passed over.
  for (; features_read_ <= files.picture; ++features_read_)
    if (!features_->next(feature_frame_))
      throw system_error(options_.features->string(), "ended early");
  std::swap(frame.features, feature_frame_.features);
  std::swap(frame.attention, feature_frame_.attention);
}

void RgbdSource::Implementation::set_pose(const RgbdFiles& files, SpatialFrame& frame) {
  frame.pose = files.pose;
  frame.pose_estimated = false;
  frame.pose_assumed = false;
  if (!options_.estimate_pose) return;
  const std::optional<Pose> estimate =
      options_.estimate_pose({loaded_.colour, frame.depth, frame.intrinsics, files.pose});
  if (files.pose) return;
  if (estimate && is_rigid(*estimate)) {
    frame.pose = estimate;
    frame.pose_estimated = true;
    ++poses_estimated_;
  } else {
    index_.problems.add(concat("no pose could be estimated: ", files.colour.string()));
  }
}

InputStatistics RgbdSource::Implementation::statistics() const {
  InputStatistics statistics = counts_;
  statistics.notes = index_.problems.notes();
  if (poses_estimated_ > 0)
    statistics.notes.push_back(
        concat("poses of ", poses_estimated_, " frames were estimated, not given"));
  return statistics;
}

RgbdSource::RgbdSource(const fs::path& folder, const RgbdSourceOptions& options)
    : implementation_(std::make_unique<Implementation>(folder, options)) {}
RgbdSource::~RgbdSource() = default;

const Source& RgbdSource::source() const {
  return implementation_->source();
}
bool RgbdSource::next(SpatialFrame& frame) {
  return implementation_->next(frame);
}
InputStatistics RgbdSource::statistics() const {
  return implementation_->statistics();
}
std::optional<std::int64_t> RgbdSource::frame_count() const {
  return static_cast<std::int64_t>(implementation_->index().frames.size());
}
const Image& RgbdSource::picture() const noexcept {
  return implementation_->picture();
}

}  // namespace sluice::stream

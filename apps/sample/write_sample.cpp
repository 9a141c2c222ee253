#include "apps/sample/write_sample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/sample/sample_text.h"
#include "apps/sample/truth.h"
#include "kernels/error.h"
#include "stream/io/image_writer.h"
#include "stream/io/video_writer.h"
#include "stream/safetensors.h"

namespace sluice::sample {
namespace {

namespace fs = std::filesystem;

void write_text(const fs::path& path, const std::string& text) {
  stream::write_file(path,
                     std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

std::string frame_name(std::int64_t index) {
  std::string digits = std::to_string(index);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return "frame-" + digits;
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) {
    throw input_error(folder.string(), "can't be created: " + failure.message(),
                      "a folder that can be written");
  }
}

void check_options(const WriteOptions& options) {
  if (options.crf < 0 || options.crf > 51) {
    throw input_error("sample", concat("crf ", options.crf), "0 to 51");
  }
  if (options.grid_rows < 1 || options.grid_rows > options.scene.height || options.grid_cols < 1 ||
      options.grid_cols > options.scene.width) {
    throw input_error("sample", concat("grid ", options.grid_rows, "x", options.grid_cols),
                      "1 to the picture's size each way");
  }
}

/// An earlier sample's frames would mix with the new ones.
void remove_frames(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.starts_with("frame-") && name.size() > 12 &&
                      name.find_first_not_of("0123456789", 6) == 12;
    std::error_code ignored;
    if (ours && entry.is_regular_file(ignored)) fs::remove(entry.path(), ignored);
  }
}

std::vector<std::uint16_t> depth_mm(const std::vector<float>& depth_m) {
  std::vector<std::uint16_t> values(depth_m.size());
  std::transform(depth_m.begin(), depth_m.end(), values.begin(), [](float metres) {
    return static_cast<std::uint16_t>(std::clamp(std::lround(metres * 1000.0f), 0L, 65535L));
  });
  return values;
}

void write_rgbd_frame(const fs::path& folder, const RenderedFrame& frame) {
  const std::string name = frame_name(frame.index);
  const fs::path rgbd = folder / "rgbd";
  stream::write_file(rgbd / (name + ".color.png"), stream::encode_png(frame.color));
  stream::write_file(rgbd / (name + ".depth.png"),
                     stream::encode_png(depth_mm(frame.depth_m), frame.width, frame.height));
  write_text(rgbd / (name + ".pose.txt"), pose_text(frame.camera_to_world));
  stream::write_file(folder / "masks" / (name + ".png"),
                     stream::encode_png(frame.object_id, frame.width, frame.height));
}

/// Collects the truth frame by frame.
class TruthRecorder {
 public:
  TruthRecorder(int grid_rows, int grid_cols) : rows_(grid_rows), cols_(grid_cols) {}

  void add(std::shared_ptr<const RenderedFrame> frame) {
    if (previous_) {
      for (const double share : changed_shares(*previous_, *frame, rows_, cols_)) {
        shares_.push_back(static_cast<float>(share));
        truth_.push_back(static_cast<std::uint8_t>(classify(share)));
      }
    }
    frames_.push_back(static_cast<std::int32_t>(frame->index));
    pts_.push_back(frame->pts);
    previous_ = std::move(frame);
  }

  [[nodiscard]] std::int64_t pairs() const noexcept {
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(frames_.size()) - 1);
  }

  void write(const fs::path& path, const WriteOptions& options) const {
    using kernels::DType;
    const std::int64_t count = pairs() + 1;
    const kernels::Shape per_patch{pairs(), static_cast<std::int64_t>(rows_) * cols_};
    const std::array<stream::NamedTensor, 4> tensors = {{
        {"truth", {truth_.data(), DType::u8, per_patch}},
        {"changed_share", {shares_.data(), DType::f32, per_patch}},
        {"frame", {frames_.data(), DType::i32, {count}}},
        {"pts", {pts_.data(), DType::f64, {count}}},
    }};
    stream::write_safetensors(path, tensors,
                              {{"grid_rows", std::to_string(rows_)},
                               {"grid_cols", std::to_string(cols_)},
                               {"seed", std::to_string(options.seed)},
                               {"values", "0 unchanged, 1 changed, 2 left out"}});
  }

 private:
  int rows_, cols_;
  std::shared_ptr<const RenderedFrame> previous_;
  std::vector<std::uint8_t> truth_;
  std::vector<float> shares_;
  std::vector<std::int32_t> frames_;
  std::vector<double> pts_;
};

/// Frames taken at a rate, in ascending order; none for rate 0.
class Schedule {
 public:
  Schedule(const SampleScene& scene, double fps) {
    if (fps != 0) frames_ = sampled_frames(scene, fps);
  }
  [[nodiscard]] bool has(std::int64_t frame) const {
    return std::binary_search(frames_.begin(), frames_.end(), frame);
  }

 private:
  std::vector<std::int64_t> frames_;
};

}  // namespace

WrittenSample write_sample(const fs::path& folder, const WriteOptions& options,
                           const Progress& progress, const std::atomic<bool>* stop) {
  const SampleScene scene(options.seed, options.scene);
  check_options(options);
  const Schedule rgbd(scene, options.rgbd_fps), truth(scene, options.truth_fps);
  TruthRecorder recorder(options.grid_rows, options.grid_cols);
  for (const fs::path& part : {folder, folder / "rgbd", folder / "masks"}) {
    make_folder(part);
    remove_frames(part);
  }
  write_text(folder / "README.txt", readme_text(scene, options));
  write_text(folder / "objects.json", objects_json(scene));

  WrittenSample written;
  stream::VideoWriter video(folder / "video.mp4", {.width = options.scene.width,
                                                   .height = options.scene.height,
                                                   .frame_rate = options.scene.fps,
                                                   .crf = options.crf});
  std::future<void> pictures;  // compressing them takes as long as rendering the next frame
  for (std::int64_t index = 0; index < scene.frame_count() && !written.stopped; ++index) {
    const auto frame = std::make_shared<const RenderedFrame>(scene.render(index));
    video.write(frame->color, frame->pts);
    if (index == 0) {
      write_text(folder / "rgbd" / "camera-intrinsics.txt", intrinsics_text(frame->intrinsics));
    }
    if (rgbd.has(index)) {
      if (pictures.valid()) pictures.get();
      pictures =
          std::async(std::launch::async, [&folder, frame] { write_rgbd_frame(folder, *frame); });
      ++written.rgbd_frames;
    }
    if (truth.has(index)) recorder.add(frame);
    if (progress) progress(index + 1, scene.frame_count());
    written.stopped = stop != nullptr && stop->load();
  }
  if (pictures.valid()) pictures.get();
  video.finish();
  written.video_frames = video.frames();
  written.truth_pairs = recorder.pairs();
  if (options.truth_fps != 0) recorder.write(folder / "truth.safetensors", options);
  write_text(folder / "scene.json", scene_json(scene, options, written));
  return written;
}

}  // namespace sluice::sample

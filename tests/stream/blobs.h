// What the tests of the stream formats share: blobs made by hand and samples.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/error.h"
#include "stream/feature_message.h"
#include "stream/feedback.h"
#include "stream/packet.h"
#include "stream/safetensors.h"
#include "tests/support/error_messages.h"

namespace sluice::stream::test {

using sluice::test::input_error_of;

/// A blob with any header, right or wrong, and `data_size` bytes 0, 1, 2 … of data.
inline std::vector<std::byte> raw_blob(std::string_view header, std::size_t data_size) {
  std::vector<std::byte> blob(8 + header.size() + data_size);
  const std::uint64_t length = header.size();
  std::memcpy(blob.data(), &length, 8);
  std::memcpy(blob.data() + 8, header.data(), header.size());
  for (std::size_t i = 0; i < data_size; ++i) blob[8 + header.size() + i] = std::byte(i % 251);
  return blob;
}

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw system_error(pattern, "cannot be created");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  std::size_t file_count() const {
    const std::filesystem::directory_iterator files(path_);
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_all(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// The blob with other metadata: what a different sender would have written.
template <typename Edit>
std::vector<std::byte> with_metadata(std::span<const std::byte> blob, Edit&& edit) {
  const auto view = SafetensorsView::parse(blob, "sample");
  std::vector<NamedTensor> tensors;
  for (const std::string& name : view.names()) tensors.push_back({name, view.view(name)});
  Metadata metadata = view.metadata();
  edit(metadata);
  return encode_safetensors(tensors, metadata);
}

/// The blob with one tensor replaced or, if `tensor` is undefined, removed.
inline std::vector<std::byte> with_tensor(std::span<const std::byte> blob, const std::string& name,
                                          const kernels::TensorView& tensor) {
  const auto view = SafetensorsView::parse(blob, "sample");
  std::vector<NamedTensor> tensors;
  for (const std::string& other : view.names())
    if (other != name) tensors.push_back({other, view.view(other)});
  if (tensor.defined()) tensors.push_back({name, tensor});
  return encode_safetensors(tensors, view.metadata());
}

/// Two sources: a camera with every image column, and a voxel map with places.
inline Packet sample_packet() {
  Packet packet;
  packet.stream = "kitchen";
  packet.sequence = 12;
  packet.tick = 340;
  packet.episode = -2;
  packet.segment_first = 5;
  packet.segment_last = 9;
  packet.forced_cut = true;
  packet.retain = 0.1;
  packet.budget = 6;
  packet.available = 100;
  packet.kept = 5;
  packet.totals = {10, 1960, 1500, 190, 6, 13, 1, 17, 2, 3, 4};
  packet.settings_hash = "00ff\"\\ü";
  packet.sent_unix_ns = 1'700'000'000'123'456'789;

  TokenBatch camera;
  camera.source.id = "wrist.cam-0";
  camera.source.grid_rows = 2;
  camera.source.grid_cols = 3;
  camera.source.image_width = 640;
  camera.source.image_height = 480;
  camera.source.feature_width = 2;
  camera.source.intrinsics = Intrinsics{525.1, 525.2, 319.5, 1.0 / 3.0};
  camera.source.pose = Pose{1, 0, 0, 0.1, 0, 1, 0, 1e-17, 0, 0, 1, -0.0, 0, 0, 0, 1};
  const std::vector<kernels::Half> halves{{0x3c00}, {0x7e00}, {0x0001}, {0xfbff}, {0}, {0x8000}};
  camera.features = kernels::Tensor::from<kernels::Half>(halves, {3, 2});
  camera.key = {1, 2, std::int64_t{1} << 60};
  camera.frame = {5, 5, 7};
  camera.frame_last = {9, 9, 7};
  camera.pts = {0.1, 0.2, 1e300};
  camera.pts_last = {0.5, 0.5, 1e300};
  camera.position = {0, 5, 3};
  camera.weight = {10, 5, 1};
  camera.score = {1.5F, -2.5F, 0.1F};
  camera.kind = {0, 0, 1};
  camera.reason = {0, 0, 2};
  packet.batches.push_back(std::move(camera));

  TokenBatch voxels;
  voxels.source.id = "map";
  voxels.source.feature_width = 1;
  voxels.features = kernels::Tensor::from<float>(std::vector<float>{1.0F, -2.0F}, {2, 1});
  voxels.key = {-5, 77};
  voxels.xyz = {0, 1, 2, -3, -4, -5};
  voxels.kind = {2, 2};
  packet.batches.push_back(std::move(voxels));
  return packet;
}

inline Feedback sample_feedback() {
  Feedback feedback;
  feedback.stream = "kitchen";
  feedback.episode = 3;
  feedback.tick = 340;
  feedback.sources.push_back({"wrist.cam-0", {0.1F, 0.2F, 0.7F}, {0.0F, 1.0F, 1e-30F}});
  feedback.sources.push_back({"map", {}, {0.25F, 0.75F}});
  feedback.sources.push_back({"silent", {}, {}});
  feedback.action = kernels::Tensor::from<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  feedback.model_latency_ms = 81.3;
  return feedback;
}

inline FeatureMessage sample_feature_message() {
  FeatureMessage message;
  message.source.id = "siglip";
  message.source.grid_rows = 2;
  message.source.grid_cols = 2;
  message.source.feature_width = 3;
  message.source.image_width = 384;
  message.source.image_height = 384;
  const std::vector<kernels::Bfloat16> values(12, kernels::to_bfloat16(0.3F));
  message.frame.features = kernels::Tensor::from<kernels::Bfloat16>(values, {4, 3});
  message.frame.attention =
      kernels::Tensor::from<float>(std::vector<float>{0.1F, 0.2F, 0.3F, 0.4F}, {4});
  message.frame.semantic =
      kernels::Tensor::from<float>(std::vector<float>{-1.0F, 0.0F, 1.0F, 2.0F}, {4});
  message.frame.pts = 0.1 + 0.2;  // not a short decimal
  message.frame.episode = 4;
  message.sequence = 9;
  return message;
}

}  // namespace sluice::stream::test

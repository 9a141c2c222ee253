#include "apps/token_ply.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "apps/report/palette.h"
#include "apps/report/spatial_statistics.h"
#include "stream/atomic_file.h"

namespace sluice::apps {
namespace {

using report::Colour;
using report::SpatialFate;
using stream::SpatialTrace;
using stream::SpatialTraceVoxel;

static_assert(std::endian::native == std::endian::little, "PLY is written as it lies in memory");

class VertexList {
 public:
  void add(float x, float y, float z, Colour colour, SpatialFate fate, std::uint8_t reason,
           std::int64_t weight) {
    put(x);
    put(y);
    put(z);
    for (const std::uint8_t byte :
         {colour.red, colour.green, colour.blue, static_cast<std::uint8_t>(fate), reason})
      put(byte);
    put(static_cast<std::int32_t>(
        std::min<std::int64_t>(weight, std::numeric_limits<std::int32_t>::max())));
    ++count_;
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  template <typename T>
  void put(T value) {
    const auto* const first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof value);
  }

  std::vector<std::byte> bytes_;
  std::size_t count_ = 0;
};

Colour colour_of(const SpatialTraceVoxel& voxel) {
  switch (report::fate_of(voxel)) {
    case SpatialFate::kept: return report::style_of(voxel.reason).colour;
    case SpatialFate::gone: return report::palette::fault;
    default: return report::palette::dropped;
  }
}

VertexList vertices_of(const SpatialTrace& trace) {
  VertexList vertices;
  for (const SpatialTraceVoxel& voxel : trace.voxels) {
    const SpatialFate fate = report::fate_of(voxel);
    const auto reason =
        fate == SpatialFate::kept ? voxel.reason : static_cast<std::uint8_t>(-voxel.fate);
    vertices.add(voxel.x, voxel.y, voxel.z, colour_of(voxel), fate, reason, voxel.weight);
  }
  for (std::size_t patch = 0; patch < trace.patch_voxel.size(); ++patch) {
    if (trace.patch_voxel[patch] < 0) continue;
    const auto& voxel = trace.voxels[static_cast<std::size_t>(trace.patch_voxel[patch])];
    // A patch alone in its voxel is the token.
    if (report::fate_of(voxel) != SpatialFate::kept || voxel.weight == 1) continue;
    const float* const place = trace.patch_xyz.data() + 3 * patch;
    vertices.add(place[0], place[1], place[2], report::palette::merged, SpatialFate::merged,
                 voxel.reason, 1);
  }
  return vertices;
}

std::string header_of(const SpatialTrace& trace, std::size_t vertices) {
  std::string reasons;
  for (const auto& style : report::spatial_reasons())
    reasons += fmt::format(" {} {},", static_cast<int>(style.reason), style.css_class.substr(3));
  reasons.pop_back();
  return fmt::format(
      "ply\n"
      "format binary_little_endian 1.0\n"
      "comment voxel tokens of a 3-D recording, made by Sluice; voxels of {:g} m\n"
      "comment fate: 0 kept token, 1 patch merged into one (its place), 2 voxel not kept, 3 voxel "
      "gone\n"
      "comment reason of fates 0 and 1:{}\n"
      "comment reason of fates 2 and 3: 1 not selected, 7 seen through, 8 evicted\n"
      "comment weight: patches in the voxel; 1 for a merged patch\n"
      "element vertex {}\n"
      "property float x\nproperty float y\nproperty float z\n"
      "property uchar red\nproperty uchar green\nproperty uchar blue\n"
      "property uchar fate\nproperty uchar reason\nproperty int weight\n"
      "end_header\n",
      trace.voxel_size, reasons, vertices);
}

}  // namespace

void write_token_ply(const SpatialTrace& trace, const std::filesystem::path& path) {
  const VertexList vertices = vertices_of(trace);
  const std::string header = header_of(trace, vertices.count());
  stream::AtomicFile file(path);
  file.write(std::as_bytes(std::span(header.data(), header.size())));
  file.write(vertices.bytes());
  file.commit();
}

}  // namespace sluice::apps

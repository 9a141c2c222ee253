#include "spatial3d/block_index.h"

#include <algorithm>
#include <numbers>

#include "spatial3d/make_room.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelIndex;
using kernels::VoxelKey;

VoxelKey coarser(VoxelKey key, int bits) noexcept {
  const VoxelIndex v = kernels::unpack(key);
  return kernels::pack({v.x >> bits, v.y >> bits, v.z >> bits});
}

template <typename Cube>
std::int32_t take(std::vector<Cube>& cubes, std::vector<std::int32_t>& unused) noexcept {
  if (unused.empty()) {
    cubes.emplace_back();  // room was made by reserve()
    return static_cast<std::int32_t>(cubes.size()) - 1;
  }
  const std::int32_t cube = unused.back();
  unused.pop_back();
  cubes[static_cast<std::size_t>(cube)] = {};
  return cube;
}

}  // namespace

void BlockIndex::reserve(std::int64_t voxels) {
  block_of_.reserve(block_of_.size() + voxels);
  region_of_.reserve(region_of_.size() + voxels);
  make_room(blocks_, std::ssize(blocks_) + voxels);
  make_room(regions_, std::ssize(regions_) + voxels);
  make_room(free_blocks_, std::ssize(blocks_) + voxels);
  make_room(free_regions_, std::ssize(regions_) + voxels);
}

void BlockIndex::add(VoxelStore& store, std::int32_t slot) noexcept {
  VoxelRecord& record = store[slot];
  record.block = block_for(record.key);
  Cube& block = blocks_[static_cast<std::size_t>(record.block)];
  record.previous_in_block = no_slot;
  record.next_in_block = block.first;
  if (block.first != no_slot) store[block.first].previous_in_block = slot;
  block.first = slot;
}

void BlockIndex::remove(VoxelStore& store, std::int32_t slot) noexcept {
  const VoxelRecord& record = store[slot];
  Cube& block = blocks_[static_cast<std::size_t>(record.block)];
  if (record.previous_in_block == no_slot)
    block.first = record.next_in_block;
  else
    store[record.previous_in_block].next_in_block = record.next_in_block;
  if (record.next_in_block != no_slot)
    store[record.next_in_block].previous_in_block = record.previous_in_block;
  if (block.first == no_slot) drop_block(record.block);
}

void BlockIndex::clear() noexcept {
  block_of_.clear();
  region_of_.clear();
  blocks_.clear();
  regions_.clear();
  free_blocks_.clear();
  free_regions_.clear();
}

std::int32_t BlockIndex::block_for(VoxelKey voxel) noexcept {
  const VoxelKey key = coarser(voxel, block_bits);
  const std::int32_t known = block_of_.find(key);
  if (known >= 0) return known;
  const std::int32_t number = take(blocks_, free_blocks_);
  block_of_.insert(key, number);
  Cube& block = blocks_[static_cast<std::size_t>(number)];
  block.key = key;
  block.region = region_for(voxel);
  Cube& region = regions_[static_cast<std::size_t>(block.region)];
  block.next = region.first;
  if (region.first >= 0) blocks_[static_cast<std::size_t>(region.first)].previous = number;
  region.first = number;
  return number;
}

std::int32_t BlockIndex::region_for(VoxelKey voxel) noexcept {
  const VoxelKey key = coarser(voxel, region_bits);
  const std::int32_t known = region_of_.find(key);
  if (known >= 0) return known;
  const std::int32_t number = take(regions_, free_regions_);
  region_of_.insert(key, number);
  regions_[static_cast<std::size_t>(number)].key = key;
  return number;
}

void BlockIndex::drop_block(std::int32_t number) noexcept {
  Cube& block = blocks_[static_cast<std::size_t>(number)];
  Cube& region = regions_[static_cast<std::size_t>(block.region)];
  (block.previous < 0 ? region.first : blocks_[static_cast<std::size_t>(block.previous)].next) =
      block.next;
  if (block.next >= 0) blocks_[static_cast<std::size_t>(block.next)].previous = block.previous;
  if (region.first < 0) {
    region_of_.erase(region.key);
    region.key = kernels::no_voxel;
    free_regions_.push_back(block.region);
  }
  block_of_.erase(block.key);
  block.key = kernels::no_voxel;
  free_blocks_.push_back(number);
}

Vec3 BlockIndex::centre(VoxelKey key) const noexcept {
  const VoxelIndex v = kernels::unpack(key);
  return {v.x * size_, v.y * size_, v.z * size_};
}

/// Around a cube of cells, whose centres lie at whole multiples of the voxel size.
BlockIndex::Ball BlockIndex::ball(const Cube& cube, int bits) const noexcept {
  const VoxelIndex v = kernels::unpack(cube.key);
  const double cells = 1 << bits;
  const auto middle = [&](std::int32_t c) { return (cells * c + 0.5 * (cells - 1)) * size_; };
  return {{middle(v.x), middle(v.y), middle(v.z)}, 0.5 * std::numbers::sqrt3 * cells * size_};
}

/// Looks regions up or goes through all, whichever is less: a small view of a large map costs what
/// it shows, and so does a boundless view of a small map.
template <typename Visit>
void BlockIndex::for_each_region_in(const CameraView::Box& box, Visit&& visit) const {
  const double side = size_ * (1 << region_bits);
  const double offset = 0.5 * size_;  // cells reach half a size below their centre
  double low[3], cells = 1;
  std::int64_t count[3] = {};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    low[axis] = std::floor((box.low[axis] + offset) / side);
    const double extent = std::floor((box.high[axis] + offset) / side) - low[axis] + 1;
    cells *= extent;
    count[axis] = extent < 1e6 ? static_cast<std::int64_t>(extent) : 0;
  }
  if (!(cells < static_cast<double>(region_of_.size()))) {
    for (const Cube& region : regions_)
      if (region.key != kernels::no_voxel) visit(region);
    return;
  }
  const auto limit = static_cast<double>(kernels::voxel_axis_offset);
  const auto is_on_lattice = [&](std::size_t axis) { return std::abs(low[axis]) < limit; };
  if (!is_on_lattice(0) || !is_on_lattice(1) || !is_on_lattice(2)) return;
  const auto at = [&](std::size_t axis, std::int64_t i) {
    return static_cast<std::int32_t>(static_cast<std::int64_t>(low[axis]) + i);
  };
  for (std::int64_t x = 0; x < count[0]; ++x)
    for (std::int64_t y = 0; y < count[1]; ++y)
      for (std::int64_t z = 0; z < count[2]; ++z) {
        const kernels::VoxelIndex cell{at(0, x), at(1, y), at(2, z)};
        if (!kernels::is_representable(cell)) continue;
        const std::int32_t region = region_of_.find(kernels::pack(cell));
        if (region >= 0) visit(regions_[static_cast<std::size_t>(region)]);
      }
}

template <typename Visit>
void BlockIndex::for_each_block(const Cube& region, Visit&& visit) const {
  for (std::int32_t block = region.first; block >= 0;
       block = blocks_[static_cast<std::size_t>(block)].next)
    visit(block, blocks_[static_cast<std::size_t>(block)]);
}

void BlockIndex::in_view(const CameraView& view, std::vector<std::int32_t>& blocks) const {
  blocks.clear();
  const auto may_see = [&](const Ball& ball) {
    return view.may_see(view.to_camera(ball.centre), ball.radius);
  };
  for_each_region_in(view.bounds(), [&](const Cube& region) {
    if (!may_see(ball(region, region_bits))) return;
    for_each_block(region, [&](std::int32_t number, const Cube& block) {
      if (may_see(ball(block, block_bits))) blocks.push_back(number);
    });
  });
}

void BlockIndex::beyond(const VoxelStore& store, const Vec3& point, double distance,
                        std::vector<std::int32_t>& slots) const {
  slots.clear();
  const auto distance_to = [&](const Vec3& to) {
    return std::hypot(to[0] - point[0], to[1] - point[1], to[2] - point[2]);
  };
  const auto reaches_out = [&](const Ball& ball) {
    return distance_to(ball.centre) + ball.radius > distance;
  };
  for (const Cube& region : regions_) {
    if (region.key == kernels::no_voxel || !reaches_out(ball(region, region_bits))) continue;
    for_each_block(region, [&](std::int32_t number, const Cube& block) {
      if (!reaches_out(ball(block, block_bits))) return;
      for_each_voxel(store, number, [&](std::int32_t slot) {
        if (distance_to(centre(store[slot].key)) > distance) slots.push_back(slot);
      });
    });
  }
}

}  // namespace sluice::spatial3d

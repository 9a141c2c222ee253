// Random packets as a control loop sends them: cameras and voxels, widths and types, with padding.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stream/packet.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

inline void set_feature(kernels::Tensor& features, std::size_t index, float value) {
  if (features.dtype() == kernels::DType::f32) features.as<float>()[index] = value;
  if (features.dtype() == kernels::DType::f16)
    features.as<kernels::Half>()[index] = kernels::to_half(value);
  if (features.dtype() == kernels::DType::bf16)
    features.as<kernels::Bfloat16>()[index] = kernels::to_bfloat16(value);
}

struct BatchShape {
  std::string id = "front";
  std::int64_t tokens = 12;
  std::int64_t width = 20;
  kernels::DType dtype = kernels::DType::f32;
  bool places = false;  ///< xyz instead of a grid
};

inline stream::TokenBatch model_batch(Random& random, const BatchShape& shape) {
  stream::TokenBatch batch;
  batch.source.id = shape.id;
  batch.source.feature_width = static_cast<std::int32_t>(shape.width);
  batch.features.reshape(shape.dtype, {shape.tokens, shape.width});
  for (std::int64_t i = 0; i < shape.tokens * shape.width; ++i)
    set_feature(batch.features, static_cast<std::size_t>(i), 3 * random.normal());
  if (!shape.places) batch.source.grid_rows = batch.source.grid_cols = 16;
  for (std::int64_t i = 0; i < shape.tokens; ++i) {
    batch.key.push_back(i);
    batch.pts.push_back(random.between(0, 2));
    if (!shape.places) batch.position.push_back(static_cast<std::int32_t>(random.integer(0, 255)));
    for (int axis = 0; shape.places && axis < 3; ++axis)
      batch.xyz.push_back(static_cast<float>(random.between(-2, 2)));
  }
  return batch;
}

/// Random rows become padding that must not be looked at.
inline void add_padding(Random& random, stream::TokenBatch& batch, double share) {
  batch.valid.resize(static_cast<std::size_t>(batch.size()), 1);
  for (std::size_t i = 0; i < batch.valid.size(); ++i)
    if (random.chance(share)) batch.valid[i] = 0;
}

inline stream::Packet packet_of(std::vector<stream::TokenBatch> batches) {
  stream::Packet packet;
  packet.tick = 7;
  packet.episode = 2;
  packet.batches = std::move(batches);
  for (const auto& batch : packet.batches) packet.kept += batch.size();
  packet.available = packet.budget = packet.kept;
  return packet;
}

inline stream::Packet model_packet(Random& random, std::int64_t tokens = 12) {
  std::vector<stream::TokenBatch> batches;
  batches.push_back(model_batch(random, {.tokens = tokens}));
  return packet_of(std::move(batches));
}

}  // namespace sluice::test

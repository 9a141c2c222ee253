// How much tokens stand out, on a CUDA device: what ranks dynamic tokens where no attention is
// given. Built where a CUDA compiler was found.
#pragma once

#include <cstdint>

#include "kernels/cuda/redundancy.h"
#include "kernels/cuda/stream_resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cuda {

/// score[f,p] = kernels::distinctness of row p in frame f, plus 1 − its cosine to the frame before
/// where that is defined: bit for bit what the CPU computes.
///
/// features [F,S,D] on the device, and their redundancy map; wanted: null, or masks [F,words] of
/// the positions whose score matters: the others get only the second part, and their rows are read
/// once less. score [F,S] f32 on the device. Throws sluice::Error: kind input for features that are
/// not the map's, kind system where CUDA fails.
void saliency(StreamResources& resources, const TensorView& features, const RedundancyMap& map,
              const std::uint32_t* wanted, float* score);

}  // namespace sluice::kernels::cuda

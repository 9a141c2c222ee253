#include "kernels/cuda/top_k.h"

#include "kernels/cuda/block_operations.h"
#include "kernels/cuda/launch.h"

namespace sluice::kernels::cuda {
namespace {

constexpr int threads_per_list = 256;

template <typename Score>
__device__ __forceinline__ bool is_better(Score a, std::int32_t i, Score b, std::int32_t j) {
  if (isnan(a) || isnan(b)) {
    if (isnan(a) != isnan(b)) return isnan(b);
    return i < j;
  }
  return a > b || (a == b && i < j);
}

/// One block per list.
template <typename Score>
__global__ void __launch_bounds__(threads_per_list)
    select_best(const Score* all_scores, const std::uint32_t* all_masks, const TopKList* lists,
                std::int32_t* indices, Score* chosen_scores) {
  const TopKList list = lists[blockIdx.x];
  const Score* scores = all_scores + list.first_score;
  const std::uint32_t* mask = all_masks == nullptr ? nullptr : all_masks + list.first_word;
  const auto count = static_cast<std::int32_t>(list.count);
  const auto is_eligible = [&](std::int32_t i) {
    return mask == nullptr || (mask[i / warp_size] >> (i % warp_size) & 1U) != 0;
  };
  std::int64_t output = list.first_output;
  for (std::int32_t first = 0; first < count; first += threads_per_list) {
    const std::int32_t i = first + static_cast<std::int32_t>(threadIdx.x);
    bool chosen = i < count && is_eligible(i);
    if (chosen) {
      const Score mine = scores[i];
      std::int64_t rank = 0;
      for (std::int32_t j = 0; j < count; ++j)  // all threads read the same: one broadcast
        rank += is_eligible(j) && is_better(scores[j], j, mine, i);
      chosen = rank < list.k;
    }
    const Place place = place_among_chosen(chosen, dynamic_shared<int>());
    if (chosen) indices[output + place.before] = i;
    if (chosen && chosen_scores != nullptr) chosen_scores[output + place.before] = scores[i];
    output += place.in_block;
  }
}

template <typename Score>
void run(StreamResources& resources, const Score* scores, const std::uint32_t* eligible,
         std::span<const TopKList> lists, std::int32_t* indices, Score* chosen_scores) {
  if (lists.empty()) return;
  const TopKList* device_lists = resources.device_copy(lists);
  launch(resources, "top-k on CUDA", &select_best<Score>,
         {static_cast<std::int64_t>(lists.size()), threads_per_list,
          most_warps_per_block * sizeof(int)},
         scores, eligible, device_lists, indices, chosen_scores);
}

}  // namespace

void top_k(StreamResources& resources, const float* scores, const std::uint32_t* eligible,
           std::span<const TopKList> lists, std::int32_t* indices, float* chosen_scores) {
  run(resources, scores, eligible, lists, indices, chosen_scores);
}

void top_k(StreamResources& resources, const double* scores, const std::uint32_t* eligible,
           std::span<const TopKList> lists, std::int32_t* indices, double* chosen_scores) {
  run(resources, scores, eligible, lists, indices, chosen_scores);
}

}  // namespace sluice::kernels::cuda

// Where the rows of a vision model's output lie in the picture.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernels/tensor.h"
#include "stream/grid.h"

namespace sluice::stream {

struct TokenLayout {
  Grid grid;                ///< S = rows · columns
  std::int64_t prefix = 0;  ///< class and register tokens before the patches'
  std::int64_t width = 0;   ///< D
  bool is_map = false;      ///< [N,D,rows,columns] instead of [N, prefix + S, D]

  [[nodiscard]] std::int64_t positions() const noexcept {
    return std::int64_t{grid.rows} * grid.cols;
  }
};

/// Class and register tokens that are looked for where nobody says how many there are: SigLIP has
/// 0, CLIP and ViT 1, DINOv2 with registers 5.
inline constexpr std::int64_t most_deduced_prefix = 8;

/// The layout of features `shape`, [N,T,D] or [N,D,rows,columns], of pictures with this size.
/// The patches of [N,T,D] are square and fill the picture but for less than one patch, as a
/// convolution leaves it, unless `grid` says otherwise; what is over is the prefix. Throws
/// sluice::Error (kind input), naming `where`, if no prefix or more than one fits, or what `grid`
/// and `prefix` say does not.
[[nodiscard]] TokenLayout deduce_layout(const kernels::Shape& shape, int picture_width,
                                        int picture_height, std::optional<Grid> grid,
                                        std::optional<std::int64_t> prefix, std::string_view where);

/// How attention of a layer lies in memory, of one picture.
struct AttentionLayout {
  std::int64_t rows = 1;    ///< heads · queries
  std::int64_t keys = 0;    ///< prefix + S
  std::int64_t prefix = 0;  ///< keys that stand for no patch
};

/// Of attention `shape`: [N,H,T,T], [N,T,T] or [N,T], with T = prefix + S as the features have it,
/// or S, if it is without the prefix; beside features [N,D,rows,columns], which have none, with any
/// prefix that could be deduced. Throws sluice::Error (kind input), naming `where`.
[[nodiscard]] AttentionLayout attention_layout(const kernels::Shape& shape,
                                               const TokenLayout& features, std::string_view where);

/// Attention that each patch received: the mean over heads and over all queries, class and register
/// tokens among them. attention [rows,keys] f32, f16 or bf16 → received [S]. Summed in double, in a
/// fixed order.
void attention_received(const kernels::TensorView& attention, const AttentionLayout& layout,
                        std::span<float> received);

}  // namespace sluice::stream

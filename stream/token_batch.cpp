#include "stream/token_batch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "stream/json.h"

namespace sluice::stream {
namespace {

/// Where something is, in words that are put together only for an error: valid batches come in
/// every tick of a control loop, which must not allocate.
struct Place {
  std::string_view where;
  std::string_view source = {};  ///< of a batch

  [[nodiscard]] Error error(std::string_view what, std::string_view expected) const {
    if (source.empty()) return input_error(where, what, expected);
    return input_error(concat(where, ", source ", in_quotes(source)), what, expected);
  }
};

bool is_id_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

void check_id(std::string_view id, const Place& place) {
  if (id.empty() || !std::all_of(id.begin(), id.end(), is_id_character))
    throw place.error(concat("source id ", in_quotes(id)), "one or more of A-Z a-z 0-9 _ . -");
}

template <typename Values>
bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](auto v) { return std::isfinite(v); });
}

void check_source(const Source& source, const Place& place) {
  check_id(source.id, place);
  const auto rows = source.grid_rows, cols = source.grid_cols;
  if (rows < 0 || cols < 0 || (rows == 0) != (cols == 0))
    throw place.error(concat("a grid of ", rows, " rows and ", cols, " columns"),
                      "both at least 1, or both 0");
  if (std::int64_t{rows} * cols > std::numeric_limits<std::int32_t>::max())
    throw place.error(concat("a grid of ", rows, " rows and ", cols, " columns"),
                      "fewer than 2^31 positions");
  if (source.image_width < 0 || source.image_height < 0 || source.feature_width < 0)
    throw place.error("a negative image size or feature width", "0 or more");
  if (source.intrinsics) {
    const Intrinsics& k = *source.intrinsics;
    if (!all_finite(std::array{k.fx, k.fy, k.cx, k.cy}) || k.fx <= 0 || k.fy <= 0)
      throw place.error("impossible intrinsics", "finite numbers, and focal lengths above 0");
  }
  if (source.pose && !all_finite(*source.pose))
    throw place.error("a pose that is not finite", "16 finite numbers");
}

void check_features(const TokenBatch& batch, const Place& place) {
  const kernels::Tensor& features = batch.features;
  if (!features.defined()) return;
  if (features.shape().rank() != 2 || !kernels::is_feature_type(features.dtype()))
    throw place.error(
        concat("features are ", name(features.dtype()), " ", features.shape().to_string()),
        "[N,D] of f32, f16 or bf16");
  if (features.size(1) != batch.source.feature_width)
    throw place.error(concat("features have width ", features.size(1)),
                      concat("the source's feature width, ", batch.source.feature_width));
}

void check_order(const TokenBatch& batch, const Place& place) {
  if (batch.frame.empty() || batch.frame_last.empty()) return;
  for (std::size_t i = 0; i < batch.frame.size(); ++i)
    if (batch.frame[i] < 0 || batch.frame_last[i] < batch.frame[i])
      throw place.error(
          concat("token ", i, " stands for frames ", batch.frame[i], " to ", batch.frame_last[i]),
          "a first frame of 0 or more, and a last one that is not before it");
}

void check_positions(const TokenBatch& batch, const Place& place) {
  const std::int32_t positions = batch.source.positions();
  for (std::size_t i = 0; i < batch.position.size(); ++i)
    if (batch.position[i] < 0 || batch.position[i] >= positions)
      throw place.error(concat("token ", i, " has position ", batch.position[i]),
                        concat("one of the grid's ", positions));
}

bool is_padding(const TokenBatch& batch, std::size_t row) noexcept {
  return !batch.valid.empty() && batch.valid[row] == 0;
}

bool is_held(const TokenBatch& batch, std::size_t row) noexcept {
  return !batch.held.empty() && batch.held[row] == 1;
}

void check_weights(const TokenBatch& batch, const Place& place) {
  for (std::size_t i = 0; i < batch.weight.size(); ++i)
    if (batch.weight[i] < (is_padding(batch, i) ? 0 : 1))
      throw place.error("a token with a weight below 1", "the number of input tokens");
}

/// Chosen rows, held rows, padding: in this order.
void check_masks(const TokenBatch& batch, const Place& place) {
  const auto is_flag = [](std::uint8_t value) { return value <= 1; };
  if (!std::all_of(batch.valid.begin(), batch.valid.end(), is_flag) ||
      !std::all_of(batch.held.begin(), batch.held.end(), is_flag))
    throw place.error("valid or held that is neither 0 nor 1", "0 or 1");
  int before = 0;
  const std::size_t rows = std::max(batch.valid.size(), batch.held.size());
  for (std::size_t i = 0; i < rows; ++i) {
    if (is_padding(batch, i) && is_held(batch, i))
      throw place.error(concat("row ", i, " is held and not valid"), "held rows to be valid");
    const int now = is_padding(batch, i) ? 2 : is_held(batch, i) ? 1 : 0;
    if (now < before)
      throw place.error(concat("row ", i, " is out of order"),
                        "chosen rows first, then held ones, then padding");
    before = now;
  }
}

}  // namespace

void copy_tokens(const TokenBatch& from, TokenBatch& to) {
  to.source = from.source;
  if (from.features.defined())
    to.features.copy_from(from.features.view());
  else
    to.features = {};
  to.key = from.key;
  to.frame = from.frame;
  to.frame_last = from.frame_last;
  to.pts = from.pts;
  to.pts_last = from.pts_last;
  to.position = from.position;
  to.xyz = from.xyz;
  to.weight = from.weight;
  to.score = from.score;
  to.kind = from.kind;
  to.reason = from.reason;
  to.valid = from.valid;
  to.held = from.held;
}

void check_source_id(std::string_view id, std::string_view where) {
  check_id(id, {where});
}

void validate(const Source& source, std::string_view where) {
  check_source(source, {where});
}

void validate(const TokenBatch& batch, std::string_view where) {
  const Place place{where, batch.source.id};
  check_source(batch.source, place);
  check_features(batch, place);
  const auto size = static_cast<std::size_t>(batch.size());
  for_each_column(batch, [&](std::string_view column, const auto& values, std::size_t width) {
    if (!values.empty() && values.size() != size * width)
      throw place.error(concat(column, " has ", values.size(), " entries"),
                        concat(size * width, ", for ", size, " tokens"));
  });
  check_order(batch, place);
  check_positions(batch, place);
  check_masks(batch, place);
  check_weights(batch, place);
  if (!all_finite(batch.pts) || !all_finite(batch.pts_last) || !all_finite(batch.xyz))
    throw place.error("a time or place that is not finite", "seconds and metres");
}

}  // namespace sluice::stream

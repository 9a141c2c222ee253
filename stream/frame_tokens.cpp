#include "stream/frame_tokens.h"

#include <limits>
#include <numeric>
#include <utility>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

void check(const FeatureFrame& frame) {
  constexpr const char* where = "frame of features";
  if (frame.index < 0 || frame.index > std::numeric_limits<std::int32_t>::max())
    throw input_error(where, concat("index ", frame.index), "0 to 2^31-1");
  if (!frame.features.defined() || frame.features.shape().rank() != 2)
    throw input_error(where, frame.features.shape().to_string(), "[S,D]");
}

}  // namespace

void take_frame_tokens(const Source& source, FeatureFrame& frame, TokenBatch& batch) {
  check(frame);
  std::swap(batch.features, frame.features);
  batch.source = source;
  batch.source.feature_width = static_cast<std::int32_t>(batch.features.size(1));

  const auto n = static_cast<std::size_t>(batch.size());
  const auto index = static_cast<std::int32_t>(frame.index);
  batch.key.resize(n);
  std::iota(batch.key.begin(), batch.key.end(), 0);
  batch.position.resize(source.positions() > 0 ? n : 0);
  std::iota(batch.position.begin(), batch.position.end(), 0);
  batch.frame.assign(n, index);
  batch.frame_last.assign(n, index);
  batch.pts.assign(n, frame.pts);
  batch.pts_last.assign(n, frame.pts);
  batch.weight.assign(n, 1);
  batch.kind.assign(n, static_cast<std::uint8_t>(TokenKind::dynamic));
  batch.xyz.clear();
  batch.score.clear();
  batch.reason.clear();
  batch.valid.clear();
  batch.held.clear();
}

}  // namespace sluice::stream

// From a packet's tokens to rows of one width: what a token is, where it is, and how old.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "apps/model/matrix_product.h"
#include "stream/packet.h"

namespace sluice::model {

/// Tokens that are not padding.
[[nodiscard]] std::int64_t valid_tokens(const stream::TokenBatch& batch) noexcept;
[[nodiscard]] std::int64_t valid_tokens(const stream::Packet& packet) noexcept;

/// Random weights per source id and feature width, decided by these and the seed alone, so that the
/// order in which sources come does not matter.
class TokenEmbedding {
 public:
  static constexpr std::int64_t max_feature_width = 16384;
  static constexpr std::size_t max_sources = 16;  ///< whose weights are kept; more are made anew

  /// `width`: a multiple of 8, numbers of an embedding.
  TokenEmbedding(std::int64_t width, std::uint64_t seed);

  /// rows [n,width]: one per valid token, source by source, in the order in which they were sent.
  /// Each is the sum of
  /// - the features, brought to a root mean square of 1 (what is not finite counts as 0), times the
  ///   source's projection,
  /// - the source's own embedding,
  /// - sinusoids: a quarter of the width each for x, y and z of the place (xyz in decimetres; on a
  ///   grid row, column and 0) and for the age (0.1 s before the packet's newest token).
  /// Throws sluice::Error (kind input) for features wider than max_feature_width.
  void embed(const stream::Packet& packet, std::vector<float>& rows);

  struct SourceWeights {
    std::string id;
    PackedMatrix projection;       ///< [D,width]
    std::vector<float> embedding;  ///< [width]
  };
  /// Valid until weights of another source are asked for.
  [[nodiscard]] const SourceWeights& weights(const std::string& id, std::int64_t feature_width);

 private:
  void project(const stream::TokenBatch& batch, float* rows);
  void add_sinusoids(const std::array<double, 4>& coordinates, float* row) const;

  std::int64_t width_;
  std::uint64_t seed_;
  std::vector<double> frequencies_;    ///< [width / 8] radians per unit
  std::deque<SourceWeights> sources_;  ///< oldest first
  std::vector<float> features_;        ///< a block of rows, normalised
};

}  // namespace sluice::model

// Tokens of one source: features and, per token, where it came from and why it was kept.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/tensor.h"
#include "stream/source.h"

namespace sluice::stream {

/// What a token is. The values are part of the packet format.
enum class TokenKind : std::uint8_t {
  static_ = 0,
  dynamic = 1,
  spatial = 2,
  memory = 3,
  pinned = 4
};

/// Why a token was kept. The values are part of the packet format.
enum class KeepReason : std::uint8_t {
  merged = 0,      ///< centre of a cluster of redundant positions
  attention = 1,   ///< chosen by attention received
  saliency = 2,    ///< chosen by saliency from the features, because no attention was given
  contextual = 3,  ///< centre of a cluster of the remaining dynamic tokens
  everything = 4,  ///< nothing had to be dropped
  diversity = 5,   ///< chosen by max-min diversity
  refresh = 6,     ///< chosen because it had not been sent lately
  pinned = 7,      ///< asked for by the caller
  novelty = 8,     ///< new, or changed since it was known (spatial) or sent (control ticks)
  visibility = 9,  ///< spatial: seen often, or from many sides
  surface = 10,    ///< spatial: an edge, a corner or a small thing rather than a flat surface
  coverage = 11,   ///< spatial: the best of its neighbourhood, so that no region goes unseen
  sampled = 12,    ///< spatial: drawn from a seed, as published
};

/// Why an input token is in no output row: the negative values of an assignment.
enum class DropReason : std::int32_t {
  not_selected = -1,  ///< dynamic, outscored within its budget
  no_centre = -2,     ///< static, but its segment's share of the budget was zero
  non_finite = -3,    ///< NaN or infinity among its features
  late = -4,          ///< its whole segment was dropped because the receiver was too slow
  no_depth = -5,      ///< spatial: no valid depth in its patch, or its frame has no pose
  outside = -6,       ///< spatial: beyond the map's range, or what a voxel key can name
  seen_through = -7,  ///< spatial: its surface has gone since
  evicted = -8,       ///< spatial: forgotten: too far, too old, or one too many
  over_cap = -9,      ///< spatial: its voxel was one too many for the token cap
};

/// N tokens of one source, structure of arrays: every non-empty vector has N entries. Order matters
/// (it is the order in which the model sees the tokens).
struct TokenBatch {
  Source source;
  kernels::Tensor features;  ///< [N,D], f32, f16 or bf16

  std::vector<std::int64_t> key;    ///< stable identity: row-major position, or quantised voxel
  std::vector<std::int32_t> frame;  ///< first frame the token stands for
  std::vector<std::int32_t> frame_last;  ///< last frame the token stands for
  std::vector<double> pts;               ///< seconds, of `frame`
  std::vector<double> pts_last;          ///< seconds, of `frame_last`
  std::vector<std::int32_t> position;    ///< row-major grid index; empty without a grid
  std::vector<float> xyz;                ///< [N,3] metres, world; empty for image tokens
  std::vector<std::int64_t> weight;      ///< number of input tokens it stands for
  std::vector<float> score;              ///< what it was ranked by; larger is better
  std::vector<std::uint8_t> kind;        ///< TokenKind
  std::vector<std::uint8_t> reason;      ///< KeepReason
  // Fixed shapes only. Chosen rows come first, then held ones, then padding.
  std::vector<std::uint8_t> valid;  ///< 0: padding, to be masked; empty: all are valid
  std::vector<std::uint8_t> held;   ///< 1: not of this tick, but the last value sent of its key

  [[nodiscard]] std::int64_t size() const noexcept {
    return features.defined() ? features.size(0) : 0;
  }
};

/// Calls visit(name, values, numbers per token) for every per-token column of a TokenBatch, const
/// or not. The names are those of the tensors in a packet.
template <typename Batch, typename Visit>
void for_each_column(Batch& batch, Visit&& visit) {
  visit("key", batch.key, 1);
  visit("frame", batch.frame, 1);
  visit("frame_last", batch.frame_last, 1);
  visit("pts", batch.pts, 1);
  visit("pts_last", batch.pts_last, 1);
  visit("position", batch.position, 1);
  visit("xyz", batch.xyz, 3);
  visit("weight", batch.weight, 1);
  visit("score", batch.score, 1);
  visit("kind", batch.kind, 1);
  visit("reason", batch.reason, 1);
  visit("valid", batch.valid, 1);
  visit("held", batch.held, 1);
}

/// `to` = `from`, reusing the memory of `to`.
void copy_tokens(const TokenBatch& from, TokenBatch& to);

/// Throws sluice::Error, naming `where`, unless `id` is made of A-Z a-z 0-9 _ . - only.
void check_source_id(std::string_view id, std::string_view where);

/// Throws sluice::Error, naming `where`: a malformed id, negative or half a grid, 2^31 positions or
/// more, intrinsics or pose that are not finite.
void validate(const Source& source, std::string_view where);

/// Throws sluice::Error, naming `where`, for an invalid source, features that are not [N,D] of a
/// feature type with D as the source has it, columns that don't have N entries, and values that
/// can't be: a last frame before the first, a position outside the grid, a weight below 1 (padding:
/// below 0), a time or place that is not finite; `valid` or `held` that is neither 0 nor 1; rows
/// that are not chosen ones first, then held ones, then padding. Features and scores may hold
/// anything. A valid batch costs no allocation.
void validate(const TokenBatch& batch, std::string_view where);

}  // namespace sluice::stream

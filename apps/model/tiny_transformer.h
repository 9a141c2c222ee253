// A small transformer as the model at the other end of a control loop: tokens in, action and
// attention out. Its arithmetic is that of a language model with an action head; its weights are
// random, not learned, so that its actions mean nothing. docs/model.md describes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/model/action_head.h"
#include "apps/model/causal_attention.h"
#include "apps/model/matrix_product.h"
#include "apps/model/token_embedding.h"
#include "stream/feedback.h"
#include "stream/packet.h"

namespace sluice::model {

/// Whose attention is the semantic score: of all rows of the prefill, as VLA-Pruner has it, or of
/// the last row of the instruction, as FastV has it.
enum class SemanticRows : std::uint8_t { all, last };

struct TransformerOptions {
  std::int64_t layers = 4;
  std::int64_t width = 128;  ///< of a hidden state; a multiple of 8 and of `heads`
  std::int64_t heads = 4;
  std::int64_t instruction_tokens = 16;  ///< stand in for a prompt; at least 1
  std::int64_t action_steps = 8;         ///< H: action queries
  std::int64_t action_numbers = 7;       ///< A
  std::uint64_t seed = 1;                ///< of all weights
  SemanticRows semantic_rows = SemanticRows::all;
  std::int64_t max_tokens = 8192;  ///< of a packet: time grows with their square
};

struct LayerWeights {
  PackedMatrix qkv;      ///< [width,3·width]
  PackedMatrix out;      ///< [width,width]
  PackedMatrix gate_up;  ///< [width,2·hidden]
  PackedMatrix down;     ///< [hidden,width]
};

/// Pre-norm layers over [visual | instruction | action queries], each row seeing itself and those
/// before: x += attention(norm(x))·out, then x += (silu(g) ⊙ u)·down with [g | u] =
/// norm(x)·gate_up. norm(x) = x / √(mean(x²) + 1e-6).
class TinyTransformer {
 public:
  /// Throws sluice::Error (kind input) for options out of range.
  explicit TinyTransformer(const TransformerOptions& options);

  /// Fills `feedback` but for its latency: action [H,A], and per source that has tokens the
  /// attention they receive, in their order; padding gets 0. Without tick or episode in the packet
  /// these are 0. Throws sluice::Error (kind input) for packets that are too large. Allocates only
  /// for more tokens, or other sources, than before.
  void run(const stream::Packet& packet, stream::Feedback& feedback);

  [[nodiscard]] const TransformerOptions& options() const noexcept { return options_; }
  /// Layers whose attention is reported, from 0: one in the middle, and one at three quarters.
  [[nodiscard]] std::int64_t semantic_layer() const noexcept { return (options_.layers - 1) / 2; }
  [[nodiscard]] std::int64_t action_layer() const noexcept { return 3 * options_.layers / 4; }

  [[nodiscard]] std::int64_t parameters() const noexcept;  ///< without those of sources
  [[nodiscard]] std::span<const LayerWeights> layers() const noexcept { return layers_; }
  [[nodiscard]] std::span<const float> instruction() const noexcept { return instruction_; }
  [[nodiscard]] std::span<const float> queries() const noexcept { return queries_; }
  [[nodiscard]] const ActionHead& head() const noexcept { return head_; }
  [[nodiscard]] TokenEmbedding& embedding() noexcept { return embedding_; }

 private:
  void run_layer(std::int64_t layer, std::int64_t visual);
  void attend(std::int64_t layer, std::int64_t visual);
  void feed_forward(const LayerWeights& weights);
  void add_product(std::span<const float> rows, std::int64_t stride, const PackedMatrix& weights);

  TransformerOptions options_;
  TokenEmbedding embedding_;
  std::vector<LayerWeights> layers_;
  std::vector<float> instruction_;  ///< [instruction_tokens,width]
  std::vector<float> queries_;      ///< [H,width]
  ActionHead head_;

  std::vector<float> hidden_;               ///< [n,width], the residual stream
  std::vector<float> normed_, wide_, sum_;  ///< [n,width], [n, what a layer needs], [n,width]
  std::vector<float> semantic_, action_;    ///< [n] attention received
  AttentionScratch scratch_;
};

}  // namespace sluice::model

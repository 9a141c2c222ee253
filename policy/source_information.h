// How much of a tick's budget each source lays claim to: where the model looked, or, before it has
// answered, where tokens stand out.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::policy {

/// What is known about one source in one tick; sums over the tokens it offers. All ≥ 0 and finite.
struct SourceEvidence {
  std::int64_t rows = 0;
  /// Rows times what a token that was sent received on average; both 0: the model has not answered.
  double semantic_attention = 0;
  double action_attention = 0;
  double distinctness = 0;  ///< read only if the model has answered on no source
  double factor = 1;        ///< the user's
};

/// Whether `distinctness` is not needed: the model has answered on one of the sources.
[[nodiscard]] bool any_answered(std::span<const SourceEvidence> sources) noexcept;

/// information[i] = factor · ((1 − refresh) · part + refresh · rows / Σ rows), where
///
/// - part is the source's part of all attention, the mean of its semantic and its action part (of
///   one, where there is no attention of the other kind)
/// - a source on which the model has not answered, while it has on others, is given the part rows /
///   Σ rows, and the others share what remains
/// - if it has answered on none, part is the source's part of all distinctness, or rows / Σ rows if
///   there is none
///
/// The refresh share keeps a source that has lost all attention from never being looked at again.
/// Requires one entry per source.
void weigh_sources(std::span<const SourceEvidence> sources, double refresh,
                   std::span<double> information) noexcept;

}  // namespace sluice::policy

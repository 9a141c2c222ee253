// Chooses an exact number of one source's tokens. Selectors only rank; what every choice must keep
// to is seen to here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "policy/evidence.h"
#include "stream/grid.h"
#include "stream/token_batch.h"

namespace sluice::policy {

/// N tokens of one source at one tick. Views stay valid during the call.
struct Candidates {
  kernels::TensorView features;          ///< [N,D]
  std::span<const std::int64_t> key;     ///< [N]
  std::span<const float> semantic;       ///< [N] relevance to the instruction; NaN ranks last
  std::span<const float> action;         ///< [N], or empty if there is no history
  std::span<const std::uint8_t> finite;  ///< [N] 0: NaN or infinity among the features
  std::span<const std::int32_t> pinned;  ///< rows that must be kept, ascending
  /// Ticks since each token was last sent, 1: in the tick before; −1: never. Empty: nothing is
  /// refreshed.
  std::span<const std::int32_t> unsent_for;  ///< [N]
  /// How far each has changed since it was sent, ≥ 0 (novelty.h). Empty: not known.
  std::span<const float> novelty;  ///< [N]
  /// How far each stands out from the others. Not looked at where `semantic` is this already.
  std::span<const float> distinctness;     ///< [N], or empty
  stream::Grid grid;                       ///< {0,0} if the tokens have none
  std::span<const std::int32_t> position;  ///< [N] row-major in the grid; empty without one
  /// What `semantic` is: attention, or saliency computed from the features. Becomes the reason of
  /// the tokens that it decides on.
  stream::KeepReason semantic_reason = stream::KeepReason::attention;
};

/// What a selector that goes by evidence gives to it. Both kinds of attention together weigh 1.
struct EvidenceWeights {
  double share = 0;     ///< of the places
  double novelty = 0;   ///< weight
  double saliency = 0;  ///< weight, of distinctness
};

struct Choice {
  std::vector<std::int32_t> keep;    ///< rows, ascending: exactly min(keep, N)
  std::vector<std::uint8_t> reason;  ///< [keep] stream::KeepReason
};

/// select() owns the invariants, in this order:
///
/// 1. exactly min(keep, N) rows, ascending;
/// 2. pinned rows are among them, whatever they hold;
/// 3. of the places, rnd(refresh_share · keep), or as many as pinned rows leave, go to what was not
///    sent in the tick before: never sent first, then unsent longest, ties to the lowest row;
/// 4. of the places left, rnd(evidence share · places) go to the rows with most evidence (below),
///    as long as there is any; ties to the lowest row;
/// 5. the other places go to what the subclass chooses;
/// 6. rows that are not finite (and not pinned) are kept only when nothing else is left, the lowest
///    first.
///
/// Evidence, of all rows that are finite, is what semantic scores, action scores, novelty and
/// distinctness say together (evidence.h), weighted ½, ½ and as evidence_weights() has it; 1 for
/// semantic scores where there are no action scores.
///
/// Reasons: `everything` where there was nothing to choose, `pinned`, `refresh`; of evidence that
/// of the level which says most: `semantic_reason`, `attention`, `novelty` or `saliency`; else the
/// subclass's.
/// Not thread-safe: a selector has scratch memory.
class Selector {
 public:
  Selector() = default;
  Selector(const Selector&) = delete;
  Selector& operator=(const Selector&) = delete;
  virtual ~Selector() = default;

  /// `keep` ≥ 0, `refresh_share` in [0,1]. Throws sluice::Error for values and lengths that don't
  /// fit, or more pinned tokens than may be kept.
  void select(kernels::Resources& resources, const Candidates& candidates, std::int64_t keep,
              double refresh_share, Choice& choice);
  /// After this, calls with up to n tokens of `width` allocate nothing, once `choice` has grown.
  void reserve(std::int64_t n, std::int64_t width);
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Whether a share of the places is used to refresh. Those that are compared with as published,
  /// or that follow no attention and so lock nothing out, don't.
  [[nodiscard]] virtual bool refreshes() const noexcept { return false; }
  /// None by default: places go by what the subclass chooses alone.
  [[nodiscard]] virtual EvidenceWeights evidence_weights() const noexcept { return {}; }

 protected:
  /// The rows that a subclass may choose from: finite, and without a place so far.
  struct Eligible {
    std::span<const std::int32_t> rows;  ///< ascending
    std::span<const std::uint8_t> mark;  ///< [N] 1: among `rows`
  };
  /// Fills `chosen` with exactly `places` different eligible rows, in any order, and returns the
  /// reason. 0 < places < eligible rows.
  virtual stream::KeepReason choose(kernels::Resources& resources, const Candidates& candidates,
                                    const Eligible& eligible, std::int64_t places,
                                    std::vector<std::int32_t>& chosen) = 0;
  virtual void reserve_scratch(std::int64_t n, std::int64_t width) = 0;

 private:
  void take(std::int32_t row, stream::KeepReason reason) noexcept;
  void find_eligible(const Candidates& candidates);
  void refresh(const Candidates& candidates, std::int64_t places);
  void weigh_evidence(const Candidates& candidates, const EvidenceWeights& weights);
  void take_evident(const Candidates& candidates, std::int64_t places);
  void take_chosen(std::int64_t places, stream::KeepReason reason);
  void take_rest(std::int64_t places) noexcept;

  std::vector<std::uint8_t> reason_;  ///< [N] of the rows that have a place; `none` for the others
  std::int64_t taken_ = 0;
  std::vector<std::uint8_t> mark_;      ///< [N] eligible
  std::vector<std::int32_t> eligible_;  ///< rows
  std::vector<std::int32_t> chosen_;
  std::vector<double> unsent_;  ///< of the rows that may be refreshed
  std::vector<std::int32_t> finite_rows_;
  Evidence evidence_;                      ///< of the finite rows
  std::vector<double> eligible_evidence_;  ///< of the eligible rows
  std::vector<std::uint8_t> evident_reason_;
};

struct SelectorOptions {
  std::uint64_t seed = 0;  ///< of "random"
  // Of "vla-pruner":
  double evidence_share = 0.75;  ///< places that go by evidence; 0: union and diversity alone
  double novelty_weight = 1.0;   ///< in the evidence; both kinds of attention together weigh 1
  double saliency_weight = 0.5;  ///< the same; what stands out needs no attention to be found
};

/// Throws sluice::Error for options out of range and, naming those there are, for another name than
///
/// - "vla-pruner": refreshes; then by evidence; then as published
/// - "vla-pruner-published": semantic and action attention united, thinned out by max-min
///   diversity. That absent tokens count as zeros, and the order of decay, are options of the
///   history
/// - "semantic": the highest semantic scores, as FastV; refreshes
/// - "uniform": every so many rows
/// - "random": drawn anew in each call, from the seed
/// - "downsample": nearest neighbours of a coarser grid's cells
[[nodiscard]] std::unique_ptr<Selector> make_selector(std::string_view name,
                                                      const SelectorOptions& options = {});
[[nodiscard]] std::span<const std::string_view> selector_names() noexcept;

}  // namespace sluice::policy

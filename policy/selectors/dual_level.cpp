// VLA-Pruner: semantic and action level united, then max-min diversity. Ours refreshes, and gives
// most places to evidence first: max-min alone drops what attention is on, as soon as it is alike.
#include "policy/dual_level.h"

#include <cmath>

#include "kernels/error.h"
#include "policy/selectors/builders.h"

namespace sluice::policy {
namespace {

class DualLevelSelector final : public Selector {
 public:
  DualLevelSelector(std::string_view name, bool refreshes, const EvidenceWeights& weights)
      : name_(name), refreshes_(refreshes), weights_(weights) {}

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] bool refreshes() const noexcept override { return refreshes_; }
  [[nodiscard]] EvidenceWeights evidence_weights() const noexcept override { return weights_; }

 protected:
  stream::KeepReason choose(kernels::Resources& resources, const Candidates& candidates,
                            const Eligible& eligible, std::int64_t places,
                            std::vector<std::int32_t>& chosen) override {
    select_dual_level(resources, candidates.features, candidates.semantic, candidates.action,
                      eligible.mark, places, workspace_, chosen);
    const bool was_filtered = workspace_.united.size() > chosen.size();
    return was_filtered ? stream::KeepReason::diversity : candidates.semantic_reason;
  }

  void reserve_scratch(std::int64_t n, std::int64_t width) override {
    workspace_.reserve(n, width);
  }

 private:
  std::string_view name_;
  bool refreshes_;
  EvidenceWeights weights_;
  DualLevelWorkspace workspace_;
};

}  // namespace

std::unique_ptr<Selector> make_dual_level_selector(const SelectorOptions& options) {
  if (!(options.evidence_share >= 0 && options.evidence_share <= 1))
    throw input_error("selector", concat("evidence share ", options.evidence_share), "0 to 1");
  const auto check_weight = [](std::string_view what, double weight) {
    if (!(weight >= 0 && std::isfinite(weight)))
      throw input_error("selector", concat(what, " weight ", weight), "0 or more");
  };
  check_weight("novelty", options.novelty_weight);
  check_weight("saliency", options.saliency_weight);
  return std::make_unique<DualLevelSelector>(
      "vla-pruner", true,
      EvidenceWeights{options.evidence_share, options.novelty_weight, options.saliency_weight});
}

std::unique_ptr<Selector> make_published_dual_level_selector() {
  return std::make_unique<DualLevelSelector>("vla-pruner-published", false, EvidenceWeights{});
}

}  // namespace sluice::policy

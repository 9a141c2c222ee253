// What the instruction looks at, and nothing else, as FastV (arXiv 2403.06764).
#include "kernels/top_k.h"
#include "policy/selectors/builders.h"

namespace sluice::policy {
namespace {

class SemanticSelector final : public Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "semantic"; }
  [[nodiscard]] bool refreshes() const noexcept override { return true; }

 protected:
  stream::KeepReason choose(kernels::Resources&, const Candidates& candidates,
                            const Eligible& eligible, std::int64_t places,
                            std::vector<std::int32_t>& chosen) override {
    scores_.clear();
    for (const std::int32_t row : eligible.rows)
      scores_.push_back(candidates.semantic[static_cast<std::size_t>(row)]);
    kernels::top_k(scores_, places, chosen);
    for (std::int32_t& index : chosen) index = eligible.rows[static_cast<std::size_t>(index)];
    return candidates.semantic_reason;
  }

  void reserve_scratch(std::int64_t n, std::int64_t) override {
    scores_.reserve(static_cast<std::size_t>(n));
  }

 private:
  std::vector<float> scores_;
};

}  // namespace

std::unique_ptr<Selector> make_semantic_selector() {
  return std::make_unique<SemanticSelector>();
}

}  // namespace sluice::policy

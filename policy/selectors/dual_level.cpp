// VLA-Pruner: semantic and action level united, then max-min diversity.
#include "policy/dual_level.h"
#include "policy/selectors/builders.h"

namespace sluice::policy {
namespace {

class DualLevelSelector final : public Selector {
 public:
  DualLevelSelector(std::string_view name, bool refreshes) : name_(name), refreshes_(refreshes) {}

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] bool refreshes() const noexcept override { return refreshes_; }

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
  DualLevelWorkspace workspace_;
};

}  // namespace

std::unique_ptr<Selector> make_dual_level_selector(std::string_view name, bool refreshes) {
  return std::make_unique<DualLevelSelector>(name, refreshes);
}

}  // namespace sluice::policy

// Every so many rows, whatever they hold.
#include "policy/selectors/builders.h"
#include "policy/selectors/even_spacing.h"

namespace sluice::policy {
namespace {

class UniformSelector final : public Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "uniform"; }

 protected:
  stream::KeepReason choose(kernels::Resources&, const Candidates&, const Eligible& eligible,
                            std::int64_t places, std::vector<std::int32_t>& chosen) override {
    chosen.clear();
    for (std::int64_t i = 0; i < places; ++i) {
      const auto at = evenly_spaced(i, places, std::ssize(eligible.rows));
      chosen.push_back(eligible.rows[static_cast<std::size_t>(at)]);
    }
    return stream::KeepReason::coverage;
  }

  void reserve_scratch(std::int64_t, std::int64_t) override {}
};

}  // namespace

std::unique_ptr<Selector> make_uniform_selector() {
  return std::make_unique<UniformSelector>();
}

}  // namespace sluice::policy

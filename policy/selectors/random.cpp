// Drawn anew for every choice: what any method must beat.
#include "kernels/point_sampling.h"
#include "policy/selectors/builders.h"

namespace sluice::policy {
namespace {

class RandomSelector final : public Selector {
 public:
  explicit RandomSelector(std::uint64_t seed) : seed_(seed) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "random"; }

 protected:
  stream::KeepReason choose(kernels::Resources&, const Candidates&, const Eligible& eligible,
                            std::int64_t places, std::vector<std::int32_t>& chosen) override {
    kernels::seeded_sample(std::ssize(eligible.rows), places, next_seed(), chosen);
    for (std::int32_t& index : chosen) index = eligible.rows[static_cast<std::size_t>(index)];
    return stream::KeepReason::sampled;
  }

  void reserve_scratch(std::int64_t n, std::int64_t) override {
    std::vector<std::int32_t> unused;
    kernels::seeded_sample(n, 0, 0, unused);  // its scratch memory grows, too
  }

 private:
  /// Seeds of neighbouring draws, and of neighbouring seeds, are far apart: a multiplicative hash.
  std::uint64_t next_seed() noexcept {
    const std::uint64_t mixed = (seed_ + 1) * 0xd1342543de82ef95U + draws_++ * 0x9e3779b97f4a7c15U;
    return mixed ^ (mixed >> 32);
  }

  std::uint64_t seed_;
  std::uint64_t draws_ = 0;
};

}  // namespace

std::unique_ptr<Selector> make_random_selector(std::uint64_t seed) {
  return std::make_unique<RandomSelector>(seed);
}

}  // namespace sluice::policy

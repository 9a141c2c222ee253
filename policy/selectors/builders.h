// One function per way of choosing, for make_selector(). Internal to policy/.
#pragma once

#include <cstdint>
#include <memory>

#include "policy/selector.h"

namespace sluice::policy {

[[nodiscard]] std::unique_ptr<Selector> make_dual_level_selector(const SelectorOptions& options);
[[nodiscard]] std::unique_ptr<Selector> make_published_dual_level_selector();
[[nodiscard]] std::unique_ptr<Selector> make_semantic_selector();
[[nodiscard]] std::unique_ptr<Selector> make_uniform_selector();
[[nodiscard]] std::unique_ptr<Selector> make_random_selector(std::uint64_t seed);
[[nodiscard]] std::unique_ptr<Selector> make_downsample_selector();

}  // namespace sluice::policy

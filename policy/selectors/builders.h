// One function per way of choosing, for make_selector(). Internal to policy/.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "policy/selector.h"

namespace sluice::policy {

[[nodiscard]] std::unique_ptr<Selector> make_dual_level_selector(std::string_view name,
                                                                 bool refreshes);
[[nodiscard]] std::unique_ptr<Selector> make_semantic_selector();
[[nodiscard]] std::unique_ptr<Selector> make_uniform_selector();
[[nodiscard]] std::unique_ptr<Selector> make_random_selector(std::uint64_t seed);
[[nodiscard]] std::unique_ptr<Selector> make_downsample_selector();

}  // namespace sluice::policy

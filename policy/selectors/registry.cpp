#include <array>
#include <string>

#include "kernels/error.h"
#include "policy/selectors/builders.h"

namespace sluice::policy {
namespace {

constexpr std::array<std::string_view, 6> names{
    "vla-pruner", "vla-pruner-published", "semantic", "uniform", "random", "downsample"};

}  // namespace

std::span<const std::string_view> selector_names() noexcept {
  return names;
}

std::unique_ptr<Selector> make_selector(std::string_view name, const SelectorOptions& options) {
  if (name == names[0]) return make_dual_level_selector(options);
  if (name == names[1]) return make_published_dual_level_selector();
  if (name == names[2]) return make_semantic_selector();
  if (name == names[3]) return make_uniform_selector();
  if (name == names[4]) return make_random_selector(options.seed);
  if (name == names[5]) return make_downsample_selector();
  std::string known;
  for (const auto& each : names) known.append(known.empty() ? "" : ", ").append(each);
  throw input_error("selector", concat('\'', name, '\''), concat("one of ", known));
}

}  // namespace sluice::policy

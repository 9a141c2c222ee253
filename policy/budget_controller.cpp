#include "policy/budget_controller.h"

#include "kernels/error.h"
#include "policy/budget_controllers/deadline_budget.h"
#include "policy/budget_controllers/fixed_budget.h"
#include "policy/budget_controllers/motion_budget.h"

namespace sluice::policy {
namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<BudgetController> (*make)(const BudgetOptions&);
};

template <typename Controller>
std::unique_ptr<BudgetController> make(const BudgetOptions& options) {
  return std::make_unique<Controller>(options);
}

constexpr Entry controllers[] = {
    {"fixed", make<FixedBudget>},
    {"deadline", make<DeadlineBudget>},
    {"motion", make<MotionBudget>},
};

}  // namespace

std::unique_ptr<BudgetController> make_budget_controller(const BudgetOptions& options) {
  for (const auto& [name, make_controller] : controllers)
    if (name == options.controller) return make_controller(options);
  std::string names;
  for (const auto& entry : controllers) {
    if (!names.empty()) names += ", ";
    names += entry.name;
  }
  throw input_error("budget controller", concat('\'', options.controller, '\''), names);
}

std::vector<std::string_view> budget_controller_names() {
  std::vector<std::string_view> names;
  for (const auto& entry : controllers) names.push_back(entry.name);
  return names;
}

}  // namespace sluice::policy

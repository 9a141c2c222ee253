#include "python/src/tick_options.h"

#include "python/src/fields.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;

policy::TickSourceOptions source_options(nb::handle object) {
  policy::TickSourceOptions source;
  source.id = field<std::string>(object, "id");
  source.floor = field<std::int64_t>(object, "floor");
  source.cap = optional_field<std::int64_t>(object, "cap");
  source.information = field<double>(object, "information");
  source.shape = optional_field<std::int64_t>(object, "shape");
  source.max_rows = field<std::int64_t>(object, "max_rows");
  source.max_width = field<std::int64_t>(object, "max_width");
  return source;
}

policy::AttentionHistoryOptions history_options(nb::handle object) {
  policy::AttentionHistoryOptions history;
  history.window = field<std::int64_t>(object, "window");
  history.decay = field<double>(object, "decay");
  history.absent_decay = field<double>(object, "absent_decay");
  history.reversed = field<bool>(object, "reversed");
  history.forget_after = field<std::int64_t>(object, "forget_after");
  return history;
}

policy::NoveltyOptions novelty_options(nb::handle object) {
  policy::NoveltyOptions novelty;
  novelty.on = field<bool>(object, "on");
  novelty.threshold = field<double>(object, "threshold");
  novelty.carries_attention = field<bool>(object, "carries_attention");
  return novelty;
}

policy::LatencyModelOptions latency_options(nb::handle object) {
  policy::LatencyModelOptions latency;
  latency.window = field<std::int64_t>(object, "window");
  latency.least = field<std::int64_t>(object, "least");
  latency.quantile = field<double>(object, "quantile");
  latency.least_spread = field<double>(object, "least_spread");
  latency.outlier_memory = field<std::int64_t>(object, "outlier_memory");
  latency.reach = field<double>(object, "reach");
  return latency;
}

policy::BudgetOptions budget_options(nb::handle object) {
  policy::BudgetOptions budget;
  budget.controller = field<std::string>(object, "controller");
  budget.tokens = field<std::int64_t>(object, "tokens");
  budget.least = field<std::int64_t>(object, "least");
  budget.latency = latency_options(object.attr("latency"));
  budget.first = optional_field<std::int64_t>(object, "first");
  budget.explore_every = field<std::int64_t>(object, "explore_every");
  budget.explore_share = field<double>(object, "explore_share");
  budget.fast = field<double>(object, "fast");
  budget.smoothing = field<double>(object, "smoothing");
  return budget;
}

}  // namespace

policy::TickEngineOptions tick_options(nb::handle object) {
  using policy::FixedShape;
  policy::TickEngineOptions options;
  options.stream = field<std::string>(object, "stream");
  for (nb::handle source : nb::iter(object.attr("sources")))
    options.sources.push_back(source_options(source));
  options.selector = field<std::string>(object, "selector");
  options.selector_options.seed = field<std::uint64_t>(object, "seed");
  options.action_history = history_options(object.attr("action_history"));
  options.semantic_history = history_options(object.attr("semantic_history"));
  options.budget = budget_options(object.attr("budget"));
  options.refresh_share = field<double>(object, "refresh_share");
  options.novelty = novelty_options(object.attr("novelty"));
  options.stale_after = field<std::int64_t>(object, "stale_after");
  options.published_warm_up = field<bool>(object, "published_warm_up");
  options.fixed_shape = choice<FixedShape>(
      object.attr("fixed_shape"), "fixed_shape",
      {{"off", FixedShape::off}, {"pad", FixedShape::pad}, {"hold", FixedShape::hold}});
  return options;
}

}  // namespace sluice::python

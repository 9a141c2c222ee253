#include "policy/source_information.h"

#include <algorithm>
#include <cstddef>

namespace sluice::policy {
namespace {

struct Totals {
  double rows = 0, semantic = 0, action = 0, distinctness = 0;
  double unanswered_rows = 0;
};

bool answered(const SourceEvidence& source) noexcept {
  return source.semantic_attention > 0 || source.action_attention > 0;
}

Totals sum(std::span<const SourceEvidence> sources) noexcept {
  Totals totals;
  for (const auto& source : sources) {
    const auto rows = static_cast<double>(source.rows);
    totals.rows += rows;
    totals.semantic += source.semantic_attention;
    totals.action += source.action_attention;
    totals.distinctness += source.distinctness;
    if (!answered(source)) totals.unanswered_rows += rows;
  }
  return totals;
}

/// Of all attention. Requires that there is some.
double attention_part(const SourceEvidence& source, const Totals& totals) noexcept {
  if (totals.action <= 0) return source.semantic_attention / totals.semantic;
  if (totals.semantic <= 0) return source.action_attention / totals.action;
  return 0.5 * (source.semantic_attention / totals.semantic) +
         0.5 * (source.action_attention / totals.action);
}

}  // namespace

bool any_answered(std::span<const SourceEvidence> sources) noexcept {
  return std::any_of(sources.begin(), sources.end(), answered);
}

void weigh_sources(std::span<const SourceEvidence> sources, double refresh,
                   std::span<double> information) noexcept {
  const Totals totals = sum(sources);
  const bool any = any_answered(sources);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& source = sources[i];
    const double of_rows = totals.rows > 0 ? static_cast<double>(source.rows) / totals.rows : 0;
    double part = of_rows;
    if (any && answered(source))
      part = (1 - totals.unanswered_rows / totals.rows) * attention_part(source, totals);
    else if (!any && totals.distinctness > 0)
      part = source.distinctness / totals.distinctness;
    information[i] = source.factor * ((1 - refresh) * part + refresh * of_rows);
  }
}

}  // namespace sluice::policy

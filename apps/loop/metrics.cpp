#include "apps/loop/metrics.h"

#include <limits>
#include <utility>

namespace sluice::apps {

LoopMetrics::LoopMetrics(std::vector<std::string> sources, std::vector<std::string> inputs)
    : source_ids(std::move(sources)),
      input_ids(std::move(inputs)),
      kept_by_source(source_ids.size()),
      kept_total_by_source(source_ids.size()),
      input_age_s(input_ids.size()),
      input_frames(input_ids.size()),
      input_damaged(input_ids.size()),
      input_ended(input_ids.size()),
      input_skipped(input_ids.size()) {
  for (auto& age : input_age_s) age = -1;  // no frame yet
}

}  // namespace sluice::apps

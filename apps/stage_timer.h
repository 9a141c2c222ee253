// Wall time per stage of a run.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace sluice::apps {

/// Adds the time until its destruction to an entry of `stage_ms`.
class StageTimer {
 public:
  StageTimer(std::map<std::string, double>& stage_ms, const char* stage)
      : sum_(stage_ms[stage]), start_(std::chrono::steady_clock::now()) {}
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;
  ~StageTimer() {
    sum_ += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
                .count();
  }

 private:
  double& sum_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace sluice::apps

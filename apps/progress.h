// One line of progress on standard error, where that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::apps {

class Progress {
 public:
  /// `total`: how much there will be, if known.
  explicit Progress(std::string label, std::optional<std::int64_t> total = std::nullopt);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Wipes the line, so that what follows stands alone.
  ~Progress();

  /// `done` of the total; redraws a few times a second at most.
  void update(std::int64_t done);

 private:
  std::string label_;
  std::optional<std::int64_t> total_;
  bool visible_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace sluice::apps

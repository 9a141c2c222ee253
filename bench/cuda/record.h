// One line of the results: a measured call, what it worked on, and the least it has to do.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::bench {

/// Milliseconds of every repetition.
class Times {
 public:
  void add(double milliseconds) { milliseconds_.push_back(milliseconds); }
  [[nodiscard]] std::int64_t count() const {
    return static_cast<std::int64_t>(milliseconds_.size());
  }
  /// Nearest rank: the smallest that `share` of all don't exceed; 0: the fastest. Not of none.
  [[nodiscard]] double percentile(double share) const;

 private:
  std::vector<double> milliseconds_;
};

struct Record {
  std::string what;  ///< "outer merge" …
  kernels::DType dtype = kernels::DType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t checksum = 0;  ///< of the features in f32, before they are rounded to `dtype`
  Times wall;                  ///< from the call until the results are there, on the host's clock
  Times device;                ///< from first to last in the stream, on the device's; may be empty
  double bytes = 0;            ///< to be read and written at least
  double f64_operations = 0;   ///< additions and multiplications, as the kernels do them
  std::int64_t kept = 0;       ///< tokens, rows or voxels
  bool same_as_cpu = false;    ///< the CPU's results on the same inputs, bit for bit
};

/// As an object of JSON, on one line.
void write_json(std::ostream& out, const Record& record);

/// "…" with what JSON wants escaped.
[[nodiscard]] std::string quoted(const std::string& text);

}  // namespace sluice::bench

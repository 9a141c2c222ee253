// How long the model took, by how many tokens it got.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace sluice::model {

/// Memory grows with the numbers of tokens and the orders of magnitude seen, not with time.
class LatencyByTokens {
 public:
  /// ms ≥ 0.
  void add(std::int64_t tokens, double ms);

  /// Of the packets with so many tokens. Quantiles are right within 1 %.
  struct Row {
    std::int64_t first_tokens = 0, last_tokens = 0;
    std::int64_t packets = 0;
    double p50_ms = 0, p99_ms = 0, max_ms = 0;
  };
  /// By ascending number of tokens. Where there are more than `at_most` different ones, neighbours
  /// share a row, with about as many packets in each.
  [[nodiscard]] std::vector<Row> rows(std::size_t at_most) const;

 private:
  struct Counts {
    std::int64_t packets = 0;
    double max_ms = 0;
    std::map<int, std::int64_t> buckets;  ///< of equal width on a logarithmic scale

    void add(const Counts& other);
    [[nodiscard]] double quantile_ms(double quantile) const;
  };
  std::map<std::int64_t, Counts> by_tokens_;
};

}  // namespace sluice::model

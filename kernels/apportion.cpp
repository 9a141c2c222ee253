#include "kernels/apportion.h"

#include <algorithm>
#include <numeric>

#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::kernels {

void apportion(std::int64_t total, std::span<const std::int64_t> available,
               std::span<std::int64_t> shares) {
  const auto sum = std::accumulate(available.begin(), available.end(), std::int64_t{0});
  if (total < 0 || total > sum)
    throw input_error("apportion", concat("a total of ", total), concat("0 to ", sum));
  if (available.size() != shares.size())
    throw input_error("apportion", concat(shares.size(), " shares"),
                      concat(available.size(), ", one per group"));
  if (sum == 0) {
    std::fill(shares.begin(), shares.end(), 0);
    return;
  }
  const double ratio = static_cast<double>(total) / static_cast<double>(sum);
  double cumulative = 0;
  std::int64_t given = 0;
  for (std::size_t group = 0; group < available.size(); ++group) {
    cumulative += static_cast<double>(available[group]) * ratio;
    const std::int64_t wanted = std::min(round_half_even(cumulative), total) - given;
    shares[group] = std::clamp<std::int64_t>(wanted, 0, available[group]);
    given += shares[group];
  }
  // The running sum of doubles can end a hair below `total` + ½ or clamp a group: what is left, at
  // most a token or two, goes to the last groups that have room.
  for (std::size_t group = available.size(); group-- > 0 && given < total;) {
    const auto extra = std::min(total - given, available[group] - shares[group]);
    shares[group] += extra;
    given += extra;
  }
}

}  // namespace sluice::kernels

// A gate schedule as one HTML file that needs nothing else: how many spatial tokens each layer of a
// model sees and, where it was calibrated, the contribution that the curve was fitted to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::report {

struct SchedulePlot {
  std::string name;
  std::string description;
  std::vector<std::string> facts;     ///< short ones, below the heading
  std::vector<std::string> warnings;  ///< sentences; may be empty
  std::int64_t spatial_tokens = 0;    ///< before the first layer
  std::vector<std::int64_t> counts;   ///< [layers] spatial tokens that each layer sees
  double flops_left = 1;              ///< share, 0 to 1

  // Empty where nothing was measured.
  std::vector<double> intra, inter;        ///< [layers] information flow, percent
  std::vector<double> contribution;        ///< [layers−1] of all but the first, 0 to 1
  std::vector<double> contribution_curve;  ///< [layers] fitted percentage of tokens; may be empty
};

/// Throws sluice::Error (kind input) for no layers and for columns of unequal length.
[[nodiscard]] std::string schedule_html(const SchedulePlot& plot);

/// Writes schedule_html(); the file appears complete or not at all.
void write_schedule_plot(const SchedulePlot& plot, const std::filesystem::path& path);

}  // namespace sluice::report

// The numbers that a page's script shows while somebody points at a plot. Private to the reports.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/report/time_axis.h"

namespace sluice::report {

/// One value per column of the axis; NaN where there is none.
struct ReadoutSeries {
  std::string_view name, unit;  ///< unit: " %" or nothing
  std::vector<double> values;
};

/// A script element with the id `id` that holds the numbers. `more`: further members of the object,
/// each with a comma behind it. `noun`: what the axis counts.
[[nodiscard]] std::string readout_json(std::string_view id, const TimeAxis& axis,
                                       std::span<const double> pts,
                                       const std::vector<ReadoutSeries>& series,
                                       std::string_view more = {}, std::string_view noun = "frame");

/// " Each column shows the mean of about 12 frames.", or nothing if each is a frame.
[[nodiscard]] std::string gathered_note(const TimeAxis& axis, std::size_t frames,
                                        std::string_view noun = "frame");

[[nodiscard]] std::vector<double> scaled_values(std::vector<double> values, double factor);

}  // namespace sluice::report

#include "apps/report/readout.h"

#include <fmt/format.h>

#include <cmath>

#include "apps/report/units.h"

namespace sluice::report {

std::string readout_json(std::string_view id, const TimeAxis& axis, std::span<const double> pts,
                         const std::vector<ReadoutSeries>& series, std::string_view more,
                         std::string_view noun) {
  std::string times;
  for (const FrameRange& column : axis.columns()) {
    times +=
        fmt::format("{}\"{} {} · {}\"", times.empty() ? "" : ",", noun, count_text(column.first),
                    time_text(pts[static_cast<std::size_t>(column.first)], 0.01));
  }
  const auto numbers = [](const std::vector<double>& values) {
    std::string list;
    for (const double value : values) {
      if (!list.empty()) list += ',';
      list += std::isnan(value) ? "null" : fmt::format("{:g}", std::round(value * 10) / 10);
    }
    return list;
  };
  std::string lists;
  for (const ReadoutSeries& entry : series) {
    lists += fmt::format("{}{{\"name\":\"{}\",\"unit\":\"{}\",\"values\":[{}]}}",
                         lists.empty() ? "" : ",", entry.name, entry.unit, numbers(entry.values));
  }
  return fmt::format(
      "<script type=\"application/json\" id=\"{}\">{{\"time\":[{}],{}\"series\":[{}]}}</script>\n",
      id, times, more, lists);
}

std::string gathered_note(const TimeAxis& axis, std::size_t frames, std::string_view noun) {
  const std::size_t columns = axis.columns().size();
  if (frames <= columns) return {};
  return fmt::format(" Each column shows the mean of about {} {}s.",
                     number_text(static_cast<double>(frames) / static_cast<double>(columns)), noun);
}

std::vector<double> scaled_values(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

}  // namespace sluice::report

#include "apps/report/time_axis.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/report/units.h"

namespace sluice::report {

double duration_seconds(std::span<const double> pts) noexcept {
  if (pts.size() < 2) return 0.0;
  const double span = pts.back() - pts.front();
  return span + span / static_cast<double>(pts.size() - 1);
}

TimeAxis::TimeAxis(std::span<const double> pts, std::size_t max_columns) : pts_(pts) {
  const auto frames = static_cast<std::int64_t>(pts.size());
  const auto finite = [](double seconds) { return std::isfinite(seconds); };
  const auto does_not_grow = [](double a, double b) { return !(a < b); };
  in_seconds_ = frames > 1 && std::all_of(pts.begin(), pts.end(), finite) &&
                std::adjacent_find(pts.begin(), pts.end(), does_not_grow) == pts.end();
  begin_ = in_seconds_ ? pts.front() : 0;
  end_ = in_seconds_ ? begin_ + duration_seconds(pts)
                     : static_cast<double>(std::max<std::int64_t>(frames, 1));

  // A frame belongs to the column that holds its middle; a column without one shows the frame that
  // was on at the time.
  const std::size_t count = std::min(max_columns, static_cast<std::size_t>(frames));
  std::int64_t next = 0;
  for (std::size_t c = 0; c < count; ++c) {
    const double right = static_cast<double>(c + 1) / static_cast<double>(count);
    FrameRange column{next, next};
    while (column.last < frames &&
           (c + 1 == count || (place(column.last) + place(column.last + 1)) / 2 < right)) {
      ++column.last;
    }
    next = column.last;
    if (column.size() == 0) {
      const std::int64_t on = std::clamp<std::int64_t>(next - 1, 0, frames - 1);
      column = {on, on + 1};
    }
    columns_.push_back(column);
  }
}

double TimeAxis::begin_of(std::int64_t frame) const noexcept {
  if (!in_seconds_) return static_cast<double>(frame);
  const auto index = static_cast<std::size_t>(frame);
  return index < pts_.size() ? pts_[index] : end_;
}

double TimeAxis::place(std::int64_t frame) const noexcept {
  return (begin_of(frame) - begin_) / (end_ - begin_);
}

std::vector<TimeAxis::Tick> TimeAxis::ticks() const {
  constexpr int most = 8;
  const double span = end_ - begin_;
  const double step = in_seconds_ ? clock_step(span, most) : std::max(1.0, tick_step(span, most));
  std::vector<Tick> ticks;
  for (double value = std::ceil(begin_ / step - 1e-9) * step; value <= end_ - 0.02 * span;
       value += step) {
    const std::string label =
        in_seconds_ ? time_text(value, step) : count_text(std::llround(value));
    ticks.push_back({(value - begin_) / span, label});
  }
  return ticks;
}

double tick_step(double span, int count) {
  if (!(span > 0) || !std::isfinite(span)) return 1;
  const double least = span / count;
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

double clock_step(double span_seconds, int count) {
  if (span_seconds <= 60) return tick_step(span_seconds, count);
  constexpr std::array steps{10.0,   15.0,   30.0,    60.0,    120.0,   300.0,
                             600.0,  900.0,  1800.0,  3600.0,  7200.0,  10800.0,
                             21600., 43200., 86400.0, 172800., 604800.0};
  for (const double step : steps) {
    if (step * count >= span_seconds) return step;
  }
  return tick_step(span_seconds, count);
}

}  // namespace sluice::report

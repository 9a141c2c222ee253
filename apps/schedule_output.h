// What sluice calibrate leaves behind: a table for the eye, the schedule, and its plot.
#pragma once

#include <filesystem>

#include "apps/schedule_file.h"

namespace sluice::apps {

/// A short table on standard output; warnings go to standard error.
void print_schedule(const spatial3d::GateSchedule& schedule, const ScheduleDetails& details);

/// Where the plot of `output` goes: the same name with the ending .html.
[[nodiscard]] std::filesystem::path plot_path(const std::filesystem::path& output);

/// Writes the schedule to `output` and its plot beside it. Throws sluice::Error.
void write_schedule(const std::filesystem::path& output, const spatial3d::GateSchedule& schedule,
                    const ScheduleDetails& details);

}  // namespace sluice::apps

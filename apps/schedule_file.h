// Gate schedules as JSON: what `sluice calibrate` writes and a model's gate reads. The format is
// described in docs/calibration.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spatial3d/gate_schedule.h"
#include "spatial3d/information_flow.h"
#include "spatial3d/schedule_fit.h"

namespace sluice::apps {

/// How a schedule came about, for people and tools. Readers of schedules ignore it.
struct ScheduleDetails {
  std::int64_t spatial_tokens = 0;  ///< S of the counts
  spatial3d::ModelSize model;
  std::vector<std::int64_t> counts;  ///< [layers]
  double flops_left = 1;             ///< share, 0 to 1

  // Of a calibration only: empty for a preset without attention maps.
  std::int64_t samples = 0;
  spatial3d::TokenLayout layout;  ///< mean over samples, rounded
  std::vector<spatial3d::LayerFlow> flow;
  spatial3d::Contribution contribution;
  std::optional<spatial3d::ScheduleFit> fit;
};

/// The schedule in `text`. Strict: throws sluice::Error (kind input), naming `where` and the key,
/// for a key that is missing, unknown, there twice or of the wrong type, for more than one plan,
/// and for a plan that breaks its rules.
[[nodiscard]] spatial3d::GateSchedule parse_schedule(std::string_view text, std::string_view where);

/// The preset of that name, for 32 layers, or else the file.
[[nodiscard]] spatial3d::GateSchedule open_schedule(const std::string& preset_or_file);

[[nodiscard]] std::string schedule_json(const spatial3d::GateSchedule& schedule,
                                        const ScheduleDetails& details);

}  // namespace sluice::apps

// The schedules that AdaToken-3D's code (arXiv 2505.12782) contains, by name: only
// some of them were ever connected to the model.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "spatial3d/gate_schedule.h"

namespace sluice::spatial3d {

struct SchedulePreset {
  std::string_view name;
  std::string_view description;  ///< where it comes from, and whether the published code ran it
};

/// In the order of the table in §3.3.
[[nodiscard]] std::span<const SchedulePreset> schedule_presets() noexcept;

/// The published models have 32 layers. Presets of few stages fit any model that is deep enough;
/// the two curves are stretched over `layers`. Throws sluice::Error (kind input) for an unknown
/// name, listing the known ones, and for too few layers.
[[nodiscard]] GateSchedule preset_schedule(std::string_view name, std::int64_t layers = 32);

}  // namespace sluice::spatial3d

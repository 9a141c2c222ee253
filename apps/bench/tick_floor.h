// The least that one core of this machine needs for a tick: to read the features once, and to
// multiply the candidates with each other.
#pragma once

#include <cstdint>

#include "apps/bench/tick_scene.h"

namespace sluice::apps {

/// One pass over the features of a tick, frames in turn so that caches don't flatter it: the
/// fastest of several, in milliseconds.
[[nodiscard]] double features_pass_ms(const TickScene& scene);

/// Billions of f32 multiply-adds per second, all in registers: the fastest of several.
[[nodiscard]] double peak_multiply_adds();

}  // namespace sluice::apps

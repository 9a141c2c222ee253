// Small feature messages with recognisable contents.
#pragma once

#include <cstdint>

#include "stream/feature_message.h"

namespace sluice::test {

/// Frame `number` of a 2×3 grid with 4 features a token, all equal to `number`; 10 frames a second.
inline stream::FeatureMessage feature_message(int number) {
  stream::FeatureMessage message;
  message.source.id = "encoder";
  message.source.grid_rows = 2;
  message.source.grid_cols = 3;
  message.source.feature_width = 4;
  message.frame.pts = number * 0.1;
  message.frame.features.reshape(kernels::DType::f32, {6, 4});
  for (float& value : message.frame.features.as<float>()) value = static_cast<float>(number);
  return message;
}

}  // namespace sluice::test

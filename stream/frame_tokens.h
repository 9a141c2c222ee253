// A frame of features as tokens: all of them, with their origin, before anything is chosen.
#pragma once

#include "stream/feature_frame.h"
#include "stream/source.h"
#include "stream/token_batch.h"

namespace sluice::stream {

/// `batch` = one token per position, its key and position the position (no position without a
/// grid), frame and time the frame's, weight 1, kind dynamic. Takes the frame's features and leaves
/// used memory in their place. Throws sluice::Error, and takes nothing, for features that are not
/// [S,D] and for a frame index that does not fit in 31 bits.
void take_frame_tokens(const Source& source, FeatureFrame& frame, TokenBatch& batch);

}  // namespace sluice::stream

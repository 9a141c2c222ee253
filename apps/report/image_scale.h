// Changes the size of a picture.
#pragma once

#include "stream/io/image.h"

namespace sluice::report {

/// The mean of the pixels that each new pixel covers; enlarging repeats pixels.
[[nodiscard]] stream::Image scaled(const stream::Image& image, int width, int height);

/// `image` with at most `max_width` columns, its proportions kept.
[[nodiscard]] stream::Image shrunk_to_width(const stream::Image& image, int max_width);

}  // namespace sluice::report

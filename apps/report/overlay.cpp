#include "apps/report/overlay.h"

#include <algorithm>
#include <cmath>

#include "apps/report/caption.h"
#include "apps/report/palette.h"
#include "apps/report/trace_statistics.h"

namespace sluice::report {
namespace {

using stream::Image;
using stream::SourceTrace;

int line_width(const Image& image) noexcept {
  return std::max(1, static_cast<int>(std::lround(std::min(image.width, image.height) / 360.0)));
}

/// A right and a bottom line per cell, so that neighbours don't draw twice.
void draw_cell_border(Image& image, const Rectangle& cell) noexcept {
  fill(image, {cell.right - 1, cell.top, cell.right, cell.bottom}, palette::white, 0.16);
  fill(image, {cell.left, cell.bottom - 1, cell.right - 1, cell.bottom}, palette::white, 0.16);
}

void draw_token(Image& image, const Rectangle& cell, Fate fate, bool is_centre,
                const OverlayStyle& style) noexcept {
  if (fate == Fate::kept) return;
  if (fate == Fate::merged) {
    fill(image, cell, palette::merged, is_centre ? 0.32 : 0.5);
    if (is_centre) {
      // Inset, so that neighbouring centres don't share a line.
      const int inset = line_width(image);
      outline(image, {cell.left + inset, cell.top + inset, cell.right - inset, cell.bottom - inset},
              inset, palette::white, 0.75);
    }
  } else {
    dim(image, cell, 0.15, 0.44);
    if (fate == Fate::non_finite || fate == Fate::late) hatch(image, cell, palette::fault, 0.6);
  }
  if (style.grid && !is_centre) draw_cell_border(image, cell);
}

/// Full strength in the segment's first frame, then fading.
double border_strength(const SourceTrace& trace, std::int64_t frame, double seconds) noexcept {
  const std::int64_t segment = segment_at(trace, frame);
  if (segment < 0) return 0;
  const std::int64_t first = trace.segments[static_cast<std::size_t>(segment)].first;
  if (frame == first) return 1;
  const double age =
      trace.pts[static_cast<std::size_t>(frame)] - trace.pts[static_cast<std::size_t>(first)];
  return seconds > 0 && age >= 0 ? std::max(0.0, 1 - age / seconds) : 0;
}

/// The latency bound ended the segment before the one that begins here.
bool begins_after_forced_cut(const SourceTrace& trace, std::int64_t frame) noexcept {
  const std::int64_t segment = segment_at(trace, frame);
  return segment > 0 && trace.segments[static_cast<std::size_t>(segment - 1)].forced_cut;
}

void require_drawable(const Image& image, const SourceTrace& trace, std::int64_t frame_index) {
  if (image.width <= 0 || image.height <= 0 || image.empty()) {
    throw input_error("overlay", concat("a picture of ", image.width, "×", image.height, " pixels"),
                      "at least one pixel");
  }
  if (trace.source.positions() <= 0) {
    throw input_error(concat("overlay of source '", trace.source.id, "'"),
                      "its tokens have no grid", "at least one grid row and column");
  }
  if (frame_index < 0 || frame_index >= trace.frames()) {
    throw input_error(concat("overlay of source '", trace.source.id, "'"),
                      concat("frame ", frame_index), concat("one of ", trace.frames(), " frames"));
  }
}

}  // namespace

Rectangle cell_area(const Image& image, const stream::Source& source,
                    std::int32_t position) noexcept {
  const std::int64_t row = position / source.grid_cols;
  const std::int64_t column = position % source.grid_cols;
  const auto edge = [](std::int64_t index, int extent, std::int32_t cells) {
    return static_cast<int>(index * extent / cells);
  };
  return {edge(column, image.width, source.grid_cols), edge(row, image.height, source.grid_rows),
          edge(column + 1, image.width, source.grid_cols),
          edge(row + 1, image.height, source.grid_rows)};
}

int caption_height(int image_width) noexcept {
  return CaptionLayout(image_width).height;
}

void draw_overlay(Image& image, const SourceTrace& trace, std::int64_t frame_index,
                  const OverlayStyle& style) {
  require_drawable(image, trace, frame_index);
  FateCounts counts;
  for (std::int32_t p = 0; p < trace.source.positions(); ++p) {
    const Fate fate = fate_of(trace, frame_index, p);
    ++counts[fate];
    draw_token(image, cell_area(image, trace.source, p), fate,
               is_cluster_centre(trace, frame_index, p), style);
  }
  if (style.border) {
    const Rectangle whole{0, 0, image.width, image.height};
    const bool forced = begins_after_forced_cut(trace, frame_index);
    outline(image, whole, 3 * line_width(image), forced ? palette::fault : palette::kept,
            border_strength(trace, frame_index, style.border_seconds));
  }
  if (style.caption) append_caption(image, trace, frame_index, counts);
}

}  // namespace sluice::report

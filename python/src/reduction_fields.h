// What a clip became as a dictionary, whichever backend computed it.
#pragma once

#include <nanobind/nanobind.h>

#include <utility>

#include "python/src/tensor_result.h"
#include "python/src/token_columns.h"
#include "temporal/segmenter.h"

namespace sluice::python {

/// {"source", "columns", "segments", "assignment", "available", "non_finite"} of a
/// temporal::Reduction or CudaReduction, which loses its tokens and assignment.
template <typename Reduction>
[[nodiscard]] nanobind::dict reduction_fields(Reduction& result) {
  nanobind::dict fields;
  fields["source"] = source_fields(result.tokens.source);
  fields["columns"] = columns_of(std::move(result.tokens));
  nanobind::list segments;
  for (const temporal::Segment& segment : result.segments)
    segments.append(nanobind::make_tuple(segment.first, segment.last, segment.forced));
  fields["segments"] = segments;
  fields["assignment"] =
      tensor_result(std::move(result.assignment), {result.frames, result.positions});
  fields["available"] = result.available;
  fields["non_finite"] = result.non_finite;
  return fields;
}

}  // namespace sluice::python

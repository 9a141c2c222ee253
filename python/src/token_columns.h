// Token batches as dictionaries of tensors, and back.
#pragma once

#include <nanobind/nanobind.h>

#include "python/src/tensor_argument.h"
#include "stream/token_batch.h"

namespace sluice::python {

/// {"features": [N,D], "key": [N] …}: every column that is there. The tensors share the batch's
/// memory, which lives as long as any of them.
[[nodiscard]] nanobind::dict columns_of(stream::TokenBatch&& batch);

/// {"id", "grid_rows", "grid_cols", "image_width", "image_height", "feature_width", "intrinsics",
/// "pose"}.
[[nodiscard]] nanobind::dict source_fields(const stream::Source& source);

/// From an object with the fields of sluice.Source.
[[nodiscard]] stream::Source source_from(nanobind::handle source);

/// Everything but the features, copied; columns that are missing or None stay empty, unknown ones
/// are an error. `batch.features` is left as it is, for the caller to borrow or copy the result.
[[nodiscard]] TensorArgument read_columns(const nanobind::dict& columns, nanobind::handle source,
                                          stream::TokenBatch& batch);

}  // namespace sluice::python

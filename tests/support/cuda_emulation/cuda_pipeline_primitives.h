// Stands in for CUDA's header of this name: copies to shared memory that overlap with work. Here
// they happen when they are waited for, and not before, so that a missing wait shows.
#pragma once

#include <cstddef>

// NOLINTBEGIN: the names are CUDA's
void __pipeline_memcpy_async(void* target, const void* source, std::size_t bytes);
void __pipeline_commit();
/// Waits for all batches of this thread but the last `batches`.
void __pipeline_wait_prior(std::size_t batches);
// NOLINTEND

// The token file of a memory: what it holds, and its chapters. Specified in docs/video.md.
#pragma once

#include <filesystem>
#include <span>

#include "stream/safetensors.h"
#include "stream/token_batch.h"
#include "temporal/token_memory.h"

namespace sluice::apps {

/// Writes `tokens` with every column that they have, and a row per chapter in tensors of their own.
/// A token file (`sluice.message` is `tokens`) without `assignment`, which would grow with the
/// video; it says `memory` in `sluice.requires`. `metadata`: parameters and totals besides.
/// The file appears complete or not at all. Throws sluice::Error (kind input) for tokens that
/// contradict themselves or the chapters, (kind system) for a full disk.
void write_memory_file(const std::filesystem::path& path, const stream::TokenBatch& tokens,
                       std::span<const temporal::MemoryChapter> chapters,
                       stream::Metadata metadata);

}  // namespace sluice::apps

// The file that `reduce` and `replay` write: the tokens that were kept of one recording, and where
// every input token went. Specified in docs/packet.md, "Token files".
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "kernels/tensor.h"
#include "stream/safetensors.h"
#include "stream/source.h"

namespace sluice::stream {

/// What the tokens of a file are.
enum class TokenSpace {
  grid,  ///< places in a picture's grid, in segments of frames
  world  ///< voxels: places in the world
};

/// n tokens kept of F frames, in the order in which a model sees them.
struct TokenFile {
  TokenSpace space = TokenSpace::grid;
  Source source;
  kernels::Tensor features;              ///< [n,D], in the type of the input
  std::vector<std::int32_t> frame;       ///< [n] first frame the token stands for
  std::vector<std::int32_t> frame_last;  ///< [n] last frame
  std::vector<std::int64_t> weight;      ///< [n] input tokens it stands for
  std::vector<std::uint8_t> kind;        ///< [n] TokenKind
  std::vector<double> pts;               ///< [n] seconds, of `frame`; may be empty

  // Of grid tokens; empty for others.
  std::vector<std::int32_t> position;  ///< [n] row-major grid index
  std::vector<std::int32_t> segments;  ///< [m,2] first and last frame

  // Of voxel tokens; empty for others.
  std::vector<float> xyz;            ///< [n,3] metres in the world
  std::vector<std::int64_t> key;     ///< [n] the voxel, ascending
  std::vector<std::int32_t> views;   ///< [n] frames that saw it
  std::vector<float> score;          ///< [n] what it was ranked by; larger is better
  std::vector<std::uint8_t> reason;  ///< [n] KeepReason

  /// [F,S] output row, or a negative DropReason. Where frames differ in size: [N], frame by frame.
  std::vector<std::int32_t> assignment;
  std::int64_t frames = 0;     ///< F
  std::int64_t positions = 0;  ///< S; 0 where frames differ in size
  /// [F+1] where each frame's input tokens begin in `assignment`; empty where all have S.
  std::vector<std::int64_t> frame_first;
  Metadata metadata;  ///< parameters and totals, for people and tools
};

/// Writes in one step: `path` is never half written. Throws sluice::Error (kind input) for
/// inconsistent contents, (kind system) for a full disk.
void write_token_file(const std::filesystem::path& path, const TokenFile& tokens);

/// Throws sluice::Error for anything that is not a consistent token file.
[[nodiscard]] TokenFile read_token_file(const std::filesystem::path& path);

}  // namespace sluice::stream

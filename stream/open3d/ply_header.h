// The header of a PLY file: what rows of numbers come after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stream/open3d/cloud_scalar.h"
#include "stream/open3d/word_reader.h"

namespace sluice::stream {

enum class PlyEncoding { ascii, little_endian, big_endian };

struct PlyProperty {
  std::string name;
  ScalarType type = ScalarType::f32;
  std::optional<ScalarType> length_type;  ///< of a list: a length of this type comes first
};

struct PlyElement {
  std::string name;
  std::uint64_t rows = 0;
  std::vector<PlyProperty> properties;
};

struct PlyHeader {
  PlyEncoding encoding = PlyEncoding::ascii;
  std::vector<PlyElement> elements;
};

/// Leaves `reader` behind the header. Throws sluice::Error (kind input), naming `where` and the
/// line.
[[nodiscard]] PlyHeader read_ply_header(WordReader& reader, std::string_view where);

}  // namespace sluice::stream

// The header of a PCD file: the fields of its points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stream/open3d/cloud_scalar.h"
#include "stream/open3d/word_reader.h"

namespace sluice::stream {

enum class PcdEncoding { ascii, binary, compressed };

struct PcdField {
  std::string name;
  ScalarType type = ScalarType::f32;
  bool skipped = false;    ///< of a type that is no ScalarType: 64-bit whole numbers
  std::size_t size = 4;    ///< bytes of one value
  std::size_t count = 1;   ///< values per point
  std::size_t offset = 0;  ///< bytes from the start of a point
  std::size_t word = 0;    ///< values from the start of a point
};

struct PcdHeader {
  PcdEncoding encoding = PcdEncoding::ascii;
  std::vector<PcdField> fields;
  std::uint64_t points = 0;
  std::size_t point_bytes = 0;  ///< all fields together
  std::size_t point_words = 0;  ///< all values together
};

/// Leaves `reader` behind the header. Throws sluice::Error (kind input), naming `where` and the
/// line.
[[nodiscard]] PcdHeader read_pcd_header(WordReader& reader, std::string_view where);

}  // namespace sluice::stream

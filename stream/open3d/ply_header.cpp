#include "stream/open3d/ply_header.h"

#include <array>
#include <utility>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

std::optional<ScalarType> scalar_type(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, ScalarType>, 16> names{{
      {"char", ScalarType::i8},
      {"int8", ScalarType::i8},
      {"uchar", ScalarType::u8},
      {"uint8", ScalarType::u8},
      {"short", ScalarType::i16},
      {"int16", ScalarType::i16},
      {"ushort", ScalarType::u16},
      {"uint16", ScalarType::u16},
      {"int", ScalarType::i32},
      {"int32", ScalarType::i32},
      {"uint", ScalarType::u32},
      {"uint32", ScalarType::u32},
      {"float", ScalarType::f32},
      {"float32", ScalarType::f32},
      {"double", ScalarType::f64},
      {"float64", ScalarType::f64},
  }};
  for (const auto& [known, type] : names)
    if (known == name) return type;
  return std::nullopt;
}

std::optional<PlyEncoding> encoding_of(std::string_view name) {
  if (name == "ascii") return PlyEncoding::ascii;
  if (name == "binary_little_endian") return PlyEncoding::little_endian;
  if (name == "binary_big_endian") return PlyEncoding::big_endian;
  return std::nullopt;
}

/// "property float x" or "property list uchar int vertex_indices"; nothing if it is neither.
std::optional<PlyProperty> property_of(const std::vector<std::string_view>& words) {
  PlyProperty property;
  const bool list = words.size() == 5 && words[1] == "list";
  if (!list && words.size() != 3) return std::nullopt;
  const auto type = scalar_type(list ? words[3] : words[1]);
  if (!type) return std::nullopt;
  property.type = *type;
  property.name = words.back();
  if (list) {
    property.length_type = scalar_type(words[2]);
    if (!property.length_type || is_float(*property.length_type)) return std::nullopt;
  }
  return property;
}

/// Takes over one line after the first; false if it makes no sense.
bool take_line(const std::vector<std::string_view>& words, PlyHeader& header,
               std::optional<PlyEncoding>& encoding) {
  if (words.empty() || words[0] == "comment" || words[0] == "obj_info") return true;
  if (words[0] == "format" && words.size() == 3) {
    encoding = encoding_of(words[1]);
    return encoding.has_value();
  }
  if (words[0] == "element" && words.size() == 3) {
    const auto rows = parse_word<std::uint64_t>(words[2]);
    header.elements.push_back({std::string(words[1]), rows.value_or(0), {}});
    return rows.has_value();
  }
  if (words[0] == "property" && !header.elements.empty()) {
    const auto property = property_of(words);
    if (property) header.elements.back().properties.push_back(*property);
    return property.has_value();
  }
  return false;
}

}  // namespace

PlyHeader read_ply_header(WordReader& reader, std::string_view where) {
  constexpr std::string_view expected = "the header of a PLY file";
  if (reader.line() != "ply")
    throw input_error(where, "does not begin with the line 'ply'", expected);
  PlyHeader header;
  std::optional<PlyEncoding> encoding;
  for (int number = 2;; ++number) {
    const auto line = reader.line();
    if (!line) throw input_error(where, "ends within its header", "the line 'end_header'");
    const auto words = words_of(*line);
    if (words.size() == 1 && words[0] == "end_header") break;
    if (!take_line(words, header, encoding))
      throw input_error(where, concat("line ", number, " is '", line->substr(0, 80), "'"),
                        expected);
  }
  if (!encoding)
    throw input_error(where, "has no format line",
                      "ascii, binary_little_endian or binary_big_endian");
  header.encoding = *encoding;
  return header;
}

}  // namespace sluice::stream

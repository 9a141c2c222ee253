#include "stream/open3d/pcd_header.h"

#include <limits>
#include <map>
#include <optional>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

/// Of one point. No such point exists; it keeps products of the header's numbers small.
constexpr std::size_t most_bytes = 1 << 20;

/// The lines by their first word.
using Lines = std::map<std::string_view, std::vector<std::string_view>>;

std::optional<PcdEncoding> encoding_of(std::string_view name) {
  if (name == "ascii") return PcdEncoding::ascii;
  if (name == "binary") return PcdEncoding::binary;
  if (name == "binary_compressed") return PcdEncoding::compressed;
  return std::nullopt;
}

std::optional<ScalarType> scalar_type(std::string_view type, std::size_t size) {
  using enum ScalarType;
  if (type == "F")
    return size == 4 ? std::optional(f32) : size == 8 ? std::optional(f64) : std::nullopt;
  const bool is_signed = type == "I";
  if (!is_signed && type != "U") return std::nullopt;
  if (size == 1) return is_signed ? i8 : u8;
  if (size == 2) return is_signed ? i16 : u16;
  if (size == 4) return is_signed ? i32 : u32;
  return std::nullopt;
}

/// Everything up to the DATA line, which is the last of a header.
Lines read_lines(WordReader& reader, std::string_view where) {
  Lines lines;
  while (const auto line = reader.line()) {
    std::vector<std::string_view> words = words_of(*line);
    if (words.empty() || words[0].starts_with('#')) continue;
    const std::string_view name = words[0];
    words.erase(words.begin());
    lines[name] = std::move(words);
    if (name == "DATA") return lines;
    if (lines.size() > 32) break;  // some other kind of file
  }
  throw input_error(where, "has no DATA line", "the header of a PCD file");
}

const std::vector<std::string_view>& line_of(const Lines& lines, std::string_view name,
                                             std::string_view where) {
  const auto line = lines.find(name);
  if (line == lines.end() || line->second.empty())
    throw input_error(where, concat("has no ", name, " line"), "the header of a PCD file");
  return line->second;
}

std::uint64_t whole_number(std::string_view word, std::string_view name, std::string_view where) {
  const auto number = parse_word<std::uint64_t>(word);
  if (!number)
    throw input_error(where, concat(name, " is '", word.substr(0, 40), "'"), "a whole number");
  return *number;
}

std::uint64_t number_of_points(const Lines& lines, std::string_view where) {
  std::uint64_t points = 0;
  if (lines.contains("POINTS")) {
    points = whole_number(line_of(lines, "POINTS", where)[0], "POINTS", where);
  } else {  // version 0.5
    const auto width = whole_number(line_of(lines, "WIDTH", where)[0], "WIDTH", where);
    const auto height = whole_number(line_of(lines, "HEIGHT", where)[0], "HEIGHT", where);
    if (height != 0 && width > std::numeric_limits<std::uint64_t>::max() / height)
      throw input_error(where, concat("WIDTH ", width, ", HEIGHT ", height), "fewer points");
    points = width * height;
  }
  if (points > std::numeric_limits<std::int32_t>::max())
    throw input_error(where, concat("says it has ", points, " points"), "fewer than 2^31");
  return points;
}

PcdField read_field(const Lines& lines, std::size_t i, std::string_view where) {
  const auto& names = line_of(lines, "FIELDS", where);
  const auto& sizes = line_of(lines, "SIZE", where);
  const auto& types = line_of(lines, "TYPE", where);
  const bool counted = lines.contains("COUNT");
  if (sizes.size() != names.size() || types.size() != names.size() ||
      (counted && line_of(lines, "COUNT", where).size() != names.size()))
    throw input_error(where, "FIELDS, SIZE, TYPE and COUNT differ in length",
                      "one entry per field");
  PcdField field;
  field.name = names[i];
  field.size = static_cast<std::size_t>(whole_number(sizes[i], "SIZE", where));
  if (counted)
    field.count =
        static_cast<std::size_t>(whole_number(line_of(lines, "COUNT", where)[i], "COUNT", where));
  const auto type = scalar_type(types[i], field.size);
  field.type = type.value_or(ScalarType::f32);
  field.skipped = !type;
  if (field.size == 0 || field.size > 8 || field.count > most_bytes)
    throw input_error(where,
                      concat("field ", field.name, ": SIZE ", field.size, ", COUNT ", field.count),
                      "1 to 8 bytes, a believable count");
  return field;
}

}  // namespace

PcdHeader read_pcd_header(WordReader& reader, std::string_view where) {
  const Lines lines = read_lines(reader, where);
  PcdHeader header;
  const auto encoding = encoding_of(line_of(lines, "DATA", where)[0]);
  if (!encoding)
    throw input_error(where,
                      concat("DATA is '", line_of(lines, "DATA", where)[0].substr(0, 40), "'"),
                      "ascii, binary or binary_compressed");
  header.encoding = *encoding;
  header.points = number_of_points(lines, where);
  const std::size_t fields = line_of(lines, "FIELDS", where).size();
  for (std::size_t i = 0; i < fields; ++i) {
    PcdField field = read_field(lines, i, where);
    field.offset = header.point_bytes;
    field.word = header.point_words;
    header.point_bytes += field.size * field.count;
    header.point_words += field.count;
    header.fields.push_back(std::move(field));
    if (header.point_bytes > most_bytes)
      throw input_error(where, "has enormous points",
                        concat("at most ", most_bytes, " bytes each"));
  }
  return header;
}

}  // namespace sluice::stream

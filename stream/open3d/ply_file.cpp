#include "stream/open3d/ply_file.h"

#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <optional>

#include "kernels/error.h"
#include "stream/open3d/ply_header.h"

namespace sluice::stream {
namespace {

constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

/// Which properties of a vertex are wanted: x y z, red green blue.
struct VertexColumns {
  std::array<std::size_t, 3> place{none, none, none};
  std::array<std::size_t, 3> colour{none, none, none};
  bool coloured = false;
};

VertexColumns columns_of(const PlyElement& vertex, std::string_view where) {
  constexpr std::array<std::string_view, 3> place{"x", "y", "z"};
  constexpr std::array<std::string_view, 3> colour{"red", "green", "blue"};
  VertexColumns columns;
  for (std::size_t i = 0; i < vertex.properties.size(); ++i) {
    const PlyProperty& property = vertex.properties[i];
    if (property.length_type) continue;
    for (std::size_t a = 0; a < 3; ++a) {
      if (property.name == place[a]) columns.place[a] = i;
      if (property.name == colour[a]) columns.colour[a] = i;
    }
  }
  for (std::size_t a = 0; a < 3; ++a)
    if (columns.place[a] == none)
      throw input_error(where, concat("its vertices have no ", place[a]), "x, y and z");
  columns.coloured =
      columns.colour[0] != none && columns.colour[1] != none && columns.colour[2] != none;
  return columns;
}

/// Numbers of a PLY file's body, one after the other, whatever its encoding.
class PlyNumbers {
 public:
  PlyNumbers(std::string_view body, PlyEncoding encoding)
      : body_(body),
        words_(body),
        ascii_(encoding == PlyEncoding::ascii),
        swap_((encoding == PlyEncoding::little_endian) !=
              (std::endian::native == std::endian::little)) {}

  /// Nothing at the end of the file, and for a word that is no number.
  [[nodiscard]] std::optional<double> next(ScalarType type) {
    if (ascii_) return parse_word(words_.word());
    if (body_.size() < size_of(type)) return std::nullopt;
    const double value = load_scalar(body_.data(), type, swap_);
    body_.remove_prefix(size_of(type));
    return value;
  }

  /// Whether so many more numbers that take `bytes` in binary can be there at all.
  [[nodiscard]] bool may_have(std::uint64_t rows, std::uint64_t bytes,
                              std::uint64_t numbers) const noexcept {
    const std::uint64_t least = ascii_ ? 2 * numbers : bytes;  // a digit and a space
    const std::uint64_t left = ascii_ ? words_.rest().size() + 1 : body_.size();
    return least == 0 || rows <= left / least;
  }

 private:
  std::string_view body_;
  WordReader words_;
  bool ascii_, swap_;
};

/// One row; `values` gets a number per property (0 for a list). False if the file ends first.
bool read_row(PlyNumbers& numbers, const PlyElement& element, std::vector<double>& values) {
  values.assign(element.properties.size(), 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const PlyProperty& property = element.properties[i];
    const auto value = numbers.next(property.length_type.value_or(property.type));
    if (!value) return false;
    if (!property.length_type) {
      values[i] = *value;
      continue;
    }
    for (double entry = 0; entry < *value; ++entry)
      if (!numbers.next(property.type)) return false;
  }
  return true;
}

/// Throws unless rows so many as the header says can be there: nothing is reserved on its word.
void require_rows(const PlyNumbers& numbers, const PlyElement& element, std::string_view where) {
  std::uint64_t bytes = 0;
  for (const PlyProperty& property : element.properties)
    bytes += size_of(property.length_type.value_or(property.type));
  if (element.rows > std::numeric_limits<std::int32_t>::max())
    throw input_error(where, concat("says it has ", element.rows, " rows of ", element.name),
                      "fewer than 2^31");
  if (!numbers.may_have(element.rows, bytes, element.properties.size()))
    throw input_error(where, "is too short",
                      concat(element.rows, " rows of ", element.name, ", as its header says"));
}

void read_vertices(PlyNumbers& numbers, const PlyElement& vertex, std::string_view where,
                   PointCloud& cloud) {
  const VertexColumns columns = columns_of(vertex, where);
  const auto points = static_cast<std::size_t>(vertex.rows);
  cloud.xyz.resize(3 * points);
  cloud.rgb.resize(columns.coloured ? 3 * points : 0);
  std::vector<double> row;
  for (std::size_t i = 0; i < points; ++i) {
    if (!read_row(numbers, vertex, row))
      throw input_error(where, concat("ends or has no number at point ", i),
                        concat(points, " points, as its header says"));
    for (std::size_t a = 0; a < 3; ++a) {
      cloud.xyz[3 * i + a] = static_cast<float>(row[columns.place[a]]);
      if (columns.coloured)
        cloud.rgb[3 * i + a] =
            colour_byte(row[columns.colour[a]], vertex.properties[columns.colour[a]].type);
    }
  }
}

}  // namespace

void parse_ply(std::string_view bytes, std::string_view where, PointCloud& cloud) {
  WordReader reader(bytes);
  const PlyHeader header = read_ply_header(reader, where);
  PlyNumbers numbers(reader.rest(), header.encoding);
  for (const PlyElement& element : header.elements) {
    require_rows(numbers, element, where);
    if (element.name == "vertex") return read_vertices(numbers, element, where, cloud);
    std::vector<double> ignored;
    for (std::uint64_t row = 0; row < element.rows && !element.properties.empty(); ++row)
      if (!read_row(numbers, element, ignored))
        throw input_error(where, concat("ends or has no number at row ", row, " of ", element.name),
                          concat(element.rows, " rows, as its header says"));
  }
  throw input_error(where, "has no vertices", "an element vertex with x, y and z");
}

}  // namespace sluice::stream

#include "stream/open3d/pcd_file.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "kernels/error.h"
#include "stream/open3d/lzf.h"
#include "stream/open3d/pcd_header.h"

namespace sluice::stream {
namespace {

/// PCD has no mark for its byte order: it is that of nearly all machines.
constexpr bool swap_bytes = std::endian::native != std::endian::little;

/// The fields that are wanted.
struct PointFields {
  std::array<const PcdField*, 3> place{};
  const PcdField* colour = nullptr;  ///< 0x00RRGGBB in four bytes, whatever their type
};

PointFields fields_of(const PcdHeader& header, std::string_view where) {
  constexpr std::array<std::string_view, 3> names{"x", "y", "z"};
  PointFields fields;
  for (const PcdField& field : header.fields) {
    if (field.skipped || field.count == 0) continue;
    for (std::size_t a = 0; a < 3; ++a)
      if (field.name == names[a]) fields.place[a] = &field;
    if ((field.name == "rgb" || field.name == "rgba") && field.size == 4) fields.colour = &field;
  }
  for (std::size_t a = 0; a < 3; ++a)
    if (fields.place[a] == nullptr)
      throw input_error(where, concat("its points have no ", names[a]), "x, y and z");
  return fields;
}

Error too_short(const PcdHeader& header, std::string_view where, std::string_view what) {
  return input_error(where, what, concat(header.points, " points, as its header says"));
}

void put_colour(std::uint32_t packed, std::uint8_t* rgb) {
  rgb[0] = static_cast<std::uint8_t>(packed >> 16);
  rgb[1] = static_cast<std::uint8_t>(packed >> 8);
  rgb[2] = static_cast<std::uint8_t>(packed);
}

/// A colour as a text has it: the bits of a float, or a whole number. NaN, which bits of a colour
/// may look like, has lost them.
std::optional<std::uint32_t> colour_of_word(std::string_view word, ScalarType type) {
  if (!is_float(type)) {
    if (type == ScalarType::i32) {
      const auto number = parse_word<std::int32_t>(word);
      if (!number) return std::nullopt;
      return static_cast<std::uint32_t>(*number);
    }
    return parse_word<std::uint32_t>(word);
  }
  const auto number = parse_word<float>(word);
  if (!number) return std::nullopt;
  return std::isnan(*number) ? 0 : std::bit_cast<std::uint32_t>(*number);
}

void resize(PointCloud& cloud, const PcdHeader& header, const PointFields& fields) {
  const auto points = static_cast<std::size_t>(header.points);
  cloud.xyz.resize(3 * points);
  cloud.rgb.resize(fields.colour != nullptr ? 3 * points : 0);
}

void read_ascii(std::string_view body, const PcdHeader& header, std::string_view where,
                PointCloud& cloud) {
  const PointFields fields = fields_of(header, where);
  if (header.points > (body.size() + 1) / (2 * header.point_words))  // a digit and a space each
    throw too_short(header, where, "is too short");
  resize(cloud, header, fields);
  WordReader reader(body);
  std::vector<std::string_view> words(header.point_words);
  for (std::size_t i = 0; i < static_cast<std::size_t>(header.points); ++i) {
    for (std::string_view& word : words) word = reader.word();
    bool good = true;
    for (std::size_t a = 0; a < 3; ++a) {
      const auto value = parse_word(words[fields.place[a]->word]);
      good = good && value.has_value();
      cloud.xyz[3 * i + a] = static_cast<float>(value.value_or(0));
    }
    if (fields.colour != nullptr) {
      const auto colour = colour_of_word(words[fields.colour->word], fields.colour->type);
      good = good && colour.has_value();
      put_colour(colour.value_or(0), &cloud.rgb[3 * i]);
    }
    if (!good || words.back().empty())
      throw too_short(header, where, concat("ends or has no number at point ", i));
  }
}

/// Where each field of a point lies: in rows of points, or (compressed) in columns of fields.
template <typename Address>
void read_binary(const PcdHeader& header, const PointFields& fields, PointCloud& cloud,
                 Address&& address) {
  resize(cloud, header, fields);
  for (std::size_t i = 0; i < static_cast<std::size_t>(header.points); ++i) {
    for (std::size_t a = 0; a < 3; ++a)
      cloud.xyz[3 * i + a] = static_cast<float>(
          load_scalar(address(*fields.place[a], i), fields.place[a]->type, swap_bytes));
    if (fields.colour != nullptr)
      put_colour(load_as<std::uint32_t>(address(*fields.colour, i), swap_bytes), &cloud.rgb[3 * i]);
  }
}

/// Compressed data begin with two sizes.
std::string unpack(std::string_view body, const PcdHeader& header, std::string_view where) {
  constexpr std::size_t sizes = 8;
  const std::uint64_t needed = header.points * header.point_bytes;
  if (body.size() < sizes) throw too_short(header, where, "is too short");
  const auto packed = load_as<std::uint32_t>(body.data(), swap_bytes);
  const auto unpacked = load_as<std::uint32_t>(body.data() + 4, swap_bytes);
  if (unpacked != needed)
    throw too_short(header, where, concat("its data unpack to ", unpacked, " bytes"));
  if (body.size() - sizes < packed) throw too_short(header, where, "is too short");
  // Three bytes stand for at most 264.
  std::string data;
  if (unpacked / 88 > packed || !unpack_lzf(body.substr(sizes, packed), unpacked, data))
    throw too_short(header, where, "its compressed data are damaged");
  return data;
}

}  // namespace

void parse_pcd(std::string_view bytes, std::string_view where, PointCloud& cloud) {
  WordReader reader(bytes);
  const PcdHeader header = read_pcd_header(reader, where);
  const std::string_view body = reader.rest();
  const PointFields fields = fields_of(header, where);
  switch (header.encoding) {
    case PcdEncoding::ascii: return read_ascii(body, header, where, cloud);
    case PcdEncoding::binary:
      if (header.points > body.size() / header.point_bytes)
        throw too_short(header, where, "is too short");
      return read_binary(header, fields, cloud, [&](const PcdField& field, std::size_t i) {
        return body.data() + i * header.point_bytes + field.offset;
      });
    case PcdEncoding::compressed: {
      const std::string data = unpack(body, header, where);
      return read_binary(header, fields, cloud, [&](const PcdField& field, std::size_t i) {
        return data.data() + static_cast<std::size_t>(header.points) * field.offset +
               i * field.size * field.count;
      });
    }
  }
}

}  // namespace sluice::stream

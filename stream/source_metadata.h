// A Source as metadata: grid, image size, feature width, intrinsics and pose.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "stream/metadata_fields.h"
#include "stream/source.h"

namespace sluice::stream {

/// Calls put(key, value) for everything that metadata say of a source but its id: numbers, and
/// lists of numbers as arrays.
template <typename Put>
void for_each_source_field(const Source& source, Put&& put) {
  put("grid", std::array{source.grid_rows, source.grid_cols});
  put("image_size", std::array{source.image_width, source.image_height});
  put("feature_width", std::int64_t{source.feature_width});
  if (const auto& k = source.intrinsics) put("intrinsics", std::array{k->fx, k->fy, k->cx, k->cy});
  if (source.pose) put("pose", *source.pose);
}

/// Adds `<prefix>grid`, `<prefix>image_size`, `<prefix>feature_width` and, where known,
/// `<prefix>intrinsics` and `<prefix>pose`. The id is not among them.
void put_source(Metadata& metadata, const Source& source, const std::string& prefix);

/// The reverse; keys that are missing leave their default. Throws sluice::Error for values that are
/// no valid source.
[[nodiscard]] Source get_source(const MetadataReader& fields, std::string_view id,
                                const std::string& prefix);

/// Reads and checks a key that lists source ids, separated by commas: valid and different ones.
[[nodiscard]] std::vector<std::string> get_source_ids(const MetadataReader& fields,
                                                      const std::string& key);

}  // namespace sluice::stream

#include "stream/source_metadata.h"

#include <algorithm>
#include <array>
#include <set>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/token_batch.h"

namespace sluice::stream {

void put_source(Metadata& metadata, const Source& source, const std::string& prefix) {
  for_each_source_field(
      source, [&](const char* key, const auto& value) { metadata[prefix + key] = to_text(value); });
}

Source get_source(const MetadataReader& fields, std::string_view id, const std::string& prefix) {
  Source source;
  source.id = id;
  if (fields.contains(prefix + "grid")) {
    const auto grid = fields.small_counts(prefix + "grid", 2);
    source.grid_rows = grid[0];
    source.grid_cols = grid[1];
  }
  if (fields.contains(prefix + "image_size")) {
    const auto size = fields.small_counts(prefix + "image_size", 2);
    source.image_width = size[0];
    source.image_height = size[1];
  }
  if (fields.contains(prefix + "feature_width"))
    source.feature_width = fields.small_count(prefix + "feature_width");
  if (fields.contains(prefix + "intrinsics")) {
    const auto values = fields.reals(prefix + "intrinsics", 4);
    source.intrinsics = Intrinsics{values[0], values[1], values[2], values[3]};
  }
  if (fields.contains(prefix + "pose")) {
    const auto values = fields.reals(prefix + "pose", std::tuple_size_v<Pose>);
    std::copy(values.begin(), values.end(), source.pose.emplace().begin());
  }
  validate(source, fields.place(prefix.empty() ? std::string_view("grid") : prefix));
  return source;
}

std::vector<std::string> get_source_ids(const MetadataReader& fields, const std::string& key) {
  auto ids = split(fields.text(key), ',');
  std::set<std::string_view> seen;
  for (const std::string& id : ids) {
    check_source_id(id, fields.place(key));
    if (!seen.insert(id).second)
      throw input_error(fields.place(key), concat("lists ", in_quotes(id), " twice"),
                        "every id once");
  }
  return ids;
}

}  // namespace sluice::stream

#include "stream/message.h"

#include <algorithm>

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/metadata_fields.h"

namespace sluice::stream {
namespace {

constexpr const char* storage_key = "storage";

constexpr std::string_view known_major = message_schema.substr(0, message_schema.find('.'));

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_schema(const MetadataReader& fields) {
  const std::string& schema = fields.text(message_key::schema);
  const auto parts = split(schema, '.');
  if (parts.size() != 2 || !is_number(parts[0]) || !is_number(parts[1]))
    throw input_error(fields.place(message_key::schema), in_quotes(schema), "major.minor");
  if (parts[0] != known_major)
    throw input_error(fields.place(message_key::schema), in_quotes(schema),
                      concat(known_major, ".x"));
}

/// The entries of `sluice.requires`; may be none.
std::vector<std::string> required_features(const MetadataReader& fields) {
  if (!fields.contains(message_key::required) || fields.text(message_key::required).empty())
    return {};
  return split(fields.text(message_key::required), ',');
}

void check_required(const MetadataReader& fields, std::initializer_list<std::string_view> known) {
  for (const std::string& feature : required_features(fields))
    if (std::find(known.begin(), known.end(), feature) == known.end())
      throw input_error(fields.place(message_key::required), in_quotes(feature),
                        "nothing that this version does not know");
}

}  // namespace

void put_message_header(Metadata& metadata, std::string_view kind) {
  metadata[message_key::kind] = kind;
  metadata[message_key::schema] = message_schema;
}

void put_required(Metadata& metadata, std::string_view feature) {
  std::string& list = metadata[message_key::required];
  const auto features = split(list, ',');
  if (std::find(features.begin(), features.end(), feature) != features.end()) return;
  if (!list.empty()) list += ',';
  list += feature;
}

bool is_required(const SafetensorsView& blob, std::string_view feature) {
  const MetadataReader fields(blob);
  const auto features = required_features(fields);
  return std::find(features.begin(), features.end(), feature) != features.end();
}

void check_message_header(const SafetensorsView& blob, std::string_view kind,
                          std::initializer_list<std::string_view> known) {
  const MetadataReader fields(blob);
  if (!fields.contains(message_key::kind))
    throw input_error(blob.where(), concat("no metadata ", in_quotes(message_key::kind)),
                      concat("a Sluice blob of kind ", in_quotes(kind)));
  if (fields.text(message_key::kind) != kind)
    throw input_error(fields.place(message_key::kind), in_quotes(fields.text(message_key::kind)),
                      in_quotes(kind));
  check_schema(fields);
  check_required(fields, known);
  if (fields.contains(storage_key) && fields.text(storage_key) != "inline")
    throw input_error(fields.place(storage_key), in_quotes(fields.text(storage_key)), "\"inline\"");
}

}  // namespace sluice::stream

#include "stream/message.h"

#include "kernels/error.h"
#include "stream/json.h"
#include "stream/metadata_fields.h"

namespace sluice::stream {
namespace {

constexpr const char* kind_key = "sluice.message";
constexpr const char* schema_key = "sluice.schema";
constexpr const char* requires_key = "sluice.requires";
constexpr const char* storage_key = "storage";

constexpr std::string_view known_major = message_schema.substr(0, message_schema.find('.'));

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

void check_schema(const MetadataReader& fields) {
  const std::string& schema = fields.text(schema_key);
  const auto parts = split(schema, '.');
  if (parts.size() != 2 || !is_number(parts[0]) || !is_number(parts[1]))
    throw input_error(fields.place(schema_key), in_quotes(schema), "major.minor");
  if (parts[0] != known_major)
    throw input_error(fields.place(schema_key), in_quotes(schema), concat(known_major, ".x"));
}

}  // namespace

void put_message_header(Metadata& metadata, std::string_view kind) {
  metadata[kind_key] = kind;
  metadata[schema_key] = message_schema;
}

void check_message_header(const SafetensorsView& blob, std::string_view kind) {
  const MetadataReader fields(blob);
  if (!fields.contains(kind_key))
    throw input_error(blob.where(), concat("no metadata ", in_quotes(kind_key)),
                      concat("a Sluice blob of kind ", in_quotes(kind)));
  if (fields.text(kind_key) != kind)
    throw input_error(fields.place(kind_key), in_quotes(fields.text(kind_key)), in_quotes(kind));
  check_schema(fields);
  // Schema 1.0 knows no extension, so anything required is something we would misread.
  if (fields.contains(requires_key) && !fields.text(requires_key).empty())
    throw input_error(fields.place(requires_key), in_quotes(fields.text(requires_key)),
                      "nothing that this version does not know");
  if (fields.contains(storage_key) && fields.text(storage_key) != "inline")
    throw input_error(fields.place(storage_key), in_quotes(fields.text(storage_key)), "\"inline\"");
}

}  // namespace sluice::stream

// What every Sluice blob says of itself, and which blobs a reader may believe; see docs/packet.md,
// "Compatibility".
#pragma once

#include <initializer_list>
#include <string_view>

#include "stream/safetensors.h"

namespace sluice::stream {

/// "major.minor" of all messages and token files. Readers accept any minor of a major they know,
/// and ignore keys they don't.
inline constexpr std::string_view message_schema = "1.2";

/// The values of the key `sluice.message`.
namespace message_kind {
inline constexpr std::string_view packet = "packet";
inline constexpr std::string_view feedback = "feedback";
inline constexpr std::string_view features = "features";
inline constexpr std::string_view tokens = "tokens";
}  // namespace message_kind

namespace message_key {
inline constexpr const char* kind = "sluice.message";
inline constexpr const char* schema = "sluice.schema";
inline constexpr const char* required = "sluice.requires";
}  // namespace message_key

/// Adds `sluice.message` and `sluice.schema`.
void put_message_header(Metadata& metadata, std::string_view kind);

/// What a reader must know in order not to misread a message: entries of `sluice.requires`.
namespace message_feature {
inline constexpr std::string_view spatial = "spatial";  ///< a token file of voxel tokens
inline constexpr std::string_view mask = "mask";  ///< a packet with rows that are no tokens of it
}  // namespace message_feature

/// Throws sluice::Error unless the blob is of this kind and of a major version that we know, and
/// requires (`sluice.requires`) nothing but what is `known`.
void check_message_header(const SafetensorsView& blob, std::string_view kind,
                          std::initializer_list<std::string_view> known = {});

/// Adds an entry to `sluice.requires`.
void put_required(Metadata& metadata, std::string_view feature);
/// Whether `sluice.requires` lists it.
[[nodiscard]] bool is_required(const SafetensorsView& blob, std::string_view feature);

}  // namespace sluice::stream

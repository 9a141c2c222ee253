// Features of one frame, live from another process. Same codec as packets; specified in
// docs/packet.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "stream/feature_frame.h"
#include "stream/source.h"

namespace sluice::stream {

struct FeatureMessage {
  Source source;
  FeatureFrame frame;                    ///< `index` is not sent: the receiver counts
  std::optional<std::int64_t> sequence;  ///< 0, 1, 2 … per stream; a gap means a lost message
  bool end_of_stream = false;            ///< the last message; may be without features
};

/// Throws sluice::Error for an inconsistent message.
[[nodiscard]] std::vector<std::byte> encode(const FeatureMessage& message);

/// Throws sluice::Error for anything that is not a valid features message; `where` names its
/// origin.
[[nodiscard]] FeatureMessage decode_feature_message(std::span<const std::byte> blob,
                                                    std::string_view where);

/// The same, reusing the memory of `message`, whose contents are unspecified after an error.
void decode_feature_message(std::span<const std::byte> blob, std::string_view where,
                            FeatureMessage& message);

}  // namespace sluice::stream

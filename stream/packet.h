// What leaves in one tick or one video segment. On the wire and on disk: one safetensors blob,
// specified in docs/packet.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/message.h"
#include "stream/token_batch.h"

namespace sluice::stream {

/// "major.minor": readers accept any minor of a major they know, and ignore keys they don't.
inline constexpr std::string_view packet_schema = message_schema;

/// Counters since the start of the stream, this packet included. A receiver can check the budget
/// from them alone, even if it missed packets:
/// kept + unspent = rnd(retain · seen), with `seen` counting only tokens of finished segments.
struct RunningTotals {
  std::int64_t frames = 0;           ///< frames in finished segments
  std::int64_t seen = 0;             ///< their tokens before any reduction
  std::int64_t available = 0;        ///< their tokens after merging static positions
  std::int64_t kept = 0;             ///< tokens sent or dropped as late
  std::int64_t unspent = 0;          ///< budget earned and not spent
  std::int64_t packets = 0;          ///< packets made, sent or not
  std::int64_t dropped_packets = 0;  ///< packets the sender dropped because the receiver was slow
  std::int64_t dropped_tokens = 0;   ///< tokens in those packets
  std::int64_t forced_cuts = 0;      ///< segments cut early by the latency bound
  std::int64_t non_finite = 0;       ///< input tokens with NaN or infinity
  std::int64_t skipped_input = 0;    ///< damaged inputs (video packets, messages) skipped
};

struct Packet {
  std::string stream = "sluice";
  std::int64_t sequence = 0;         ///< 0, 1, 2 … per stream; a gap means a dropped packet
  std::optional<std::int64_t> tick;  ///< control loops only
  std::optional<std::int64_t> episode;
  std::optional<std::int64_t> segment_first;  ///< video only: first and last frame index
  std::optional<std::int64_t> segment_last;
  bool forced_cut = false;     ///< video: the latency bound ended this segment
  bool end_of_stream = false;  ///< the last packet; may hold no tokens
  double retain = 1.0;         ///< share of the tokens that may be kept
  std::int64_t budget = 0;     ///< tokens that were allowed in this packet
  std::int64_t available = 0;  ///< tokens there were to choose from
  std::int64_t kept = 0;       ///< tokens in this packet; held rows and padding are none
  RunningTotals totals;
  std::string settings_hash;                 ///< of everything that decides what is kept
  std::optional<std::int64_t> sent_unix_ns;  ///< wall clock, live packets only
  std::vector<TokenBatch> batches;           ///< one per source
};

/// Encodes as one safetensors blob. Throws sluice::Error for inconsistent batches.
[[nodiscard]] std::vector<std::byte> encode(const Packet& packet);

/// Decodes a blob. `where` names its origin in errors. Throws sluice::Error for anything that is
/// not a valid packet of a known major version; memory use is bounded by the blob's own size.
[[nodiscard]] Packet decode_packet(std::span<const std::byte> blob, std::string_view where);

}  // namespace sluice::stream

// The keys of a packet's metadata, once for writing and reading.
#pragma once

#include <cstdint>

#include "stream/packet.h"

namespace sluice::stream {

/// Calls visit(key, counter) for every running total, const or not.
template <typename Totals, typename Visit>
void for_each_total(Totals& totals, Visit&& visit) {
  visit("totals.frames", totals.frames);
  visit("totals.seen", totals.seen);
  visit("totals.available", totals.available);
  visit("totals.kept", totals.kept);
  visit("totals.unspent", totals.unspent);
  visit("totals.packets", totals.packets);
  visit("totals.dropped_packets", totals.dropped_packets);
  visit("totals.dropped_tokens", totals.dropped_tokens);
  visit("totals.forced_cuts", totals.forced_cuts);
  visit("totals.non_finite", totals.non_finite);
  visit("totals.skipped_input", totals.skipped_input);
}

/// Calls visit(key, value) for every member that is metadata, const or not: text, counts (plain
/// integers), optional integers, flags and `retain`.
template <typename PacketType, typename Visit>
void for_each_field(PacketType& packet, Visit&& visit) {
  visit("stream", packet.stream);
  visit("sequence", packet.sequence);
  visit("tick", packet.tick);
  visit("episode", packet.episode);
  visit("segment_first", packet.segment_first);
  visit("segment_last", packet.segment_last);
  visit("forced_cut", packet.forced_cut);
  visit("end_of_stream", packet.end_of_stream);
  visit("retain", packet.retain);
  visit("budget", packet.budget);
  visit("available", packet.available);
  visit("kept", packet.kept);
  for_each_total(packet.totals, visit);
  visit("settings_hash", packet.settings_hash);
  visit("sent_unix_ns", packet.sent_unix_ns);
}

/// The list of the batches' source ids.
inline constexpr const char* sources_key = "sources";
// Of each source, after its id and a slash.
inline constexpr const char* source_kept_key = "kept";
inline constexpr const char* source_share_key = "share";
inline constexpr const char* features_name = "features";

/// A source's part of the tokens sent; 0 of a packet without tokens.
[[nodiscard]] inline double share_of(std::int64_t tokens, std::int64_t kept) noexcept {
  return kept > 0 ? static_cast<double>(tokens) / static_cast<double>(kept) : 0.0;
}

}  // namespace sluice::stream

// What a receiver can verify about the packets of a stream, from what they carry alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stream/packet.h"

namespace sluice::stream {

/// Feed it every packet of one stream, in the order of arrival.
///
/// Checked: exactly min(budget, available) tokens, not counting held rows and padding; a fixed
/// shape that stays what it is; for video streams, kept + unspent equals the rounded share of all
/// tokens seen; segments and totals continue where the last packet ended, and what the sender says
/// it dropped is missing here; tokens lie within their segment, on their grid, and stand for no
/// more input than there was. A restarted sender (sequence 0 again) starts afresh.
class PacketCheck {
 public:
  /// The violations found in this packet, in words; empty if there are none.
  [[nodiscard]] std::vector<std::string> check(const Packet& packet);

  [[nodiscard]] std::int64_t packets() const noexcept { return packets_; }
  [[nodiscard]] std::int64_t tokens() const noexcept { return tokens_; }
  [[nodiscard]] std::int64_t violations() const noexcept { return violations_; }
  /// Sequence number of the first packet that came.
  [[nodiscard]] std::int64_t joined_at() const noexcept { return joined_at_; }
  /// Packets missing between those that came; those that the sender dropped because we
  /// were slow, and those lost on the way.
  [[nodiscard]] std::int64_t missing() const noexcept { return missing_; }
  [[nodiscard]] std::int64_t dropped_by_sender() const noexcept { return dropped_; }

 private:
  void check_counts(const Packet& packet, std::vector<std::string>& found) const;
  void check_totals(const Packet& packet, std::vector<std::string>& found) const;
  void check_sequence(const Packet& packet, std::vector<std::string>& found);
  void check_shapes(const Packet& packet, std::vector<std::string>& found);
  void check_tokens(const Packet& packet, std::vector<std::string>& found) const;

  std::optional<Packet> previous_;              // without its batches
  std::map<std::string, std::int64_t> shapes_;  // rows of the sources that have a fixed shape
  std::int64_t packets_ = 0;
  std::int64_t tokens_ = 0;
  std::int64_t violations_ = 0;
  std::int64_t joined_at_ = 0;
  std::int64_t missing_ = 0;
  std::int64_t dropped_ = 0;
};

}  // namespace sluice::stream

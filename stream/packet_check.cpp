#include "stream/packet_check.h"

#include <algorithm>
#include <limits>

#include "kernels/error.h"
#include "kernels/rounding.h"
#include "stream/fixed_shape.h"

namespace sluice::stream {
namespace {

/// Numbers come from a peer: a sum that does not fit must not be undefined.
std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? std::numeric_limits<std::int64_t>::max()
               : std::numeric_limits<std::int64_t>::min();
}

/// The sender counts from the start again.
bool is_restart(const Packet& before, const Packet& now) {
  return now.sequence == 0 ||
         (now.sequence < before.sequence && now.totals.packets < before.totals.packets);
}

}  // namespace

std::vector<std::string> PacketCheck::check(const Packet& packet) {
  std::vector<std::string> found;
  if (previous_ && is_restart(*previous_, packet)) {
    previous_.reset();
    shapes_.clear();
  }
  check_counts(packet, found);
  check_totals(packet, found);
  check_sequence(packet, found);
  check_shapes(packet, found);
  check_tokens(packet, found);
  ++packets_;
  tokens_ += packet.kept;
  violations_ += static_cast<std::int64_t>(found.size());

  Packet header;
  header.sequence = packet.sequence;
  header.segment_first = packet.segment_first;
  header.segment_last = packet.segment_last;
  header.totals = packet.totals;
  header.settings_hash = packet.settings_hash;
  previous_ = std::move(header);
  return found;
}

void PacketCheck::check_counts(const Packet& packet, std::vector<std::string>& found) const {
  std::int64_t rows = 0;
  for (const auto& batch : packet.batches) rows += chosen_rows(batch);
  if (rows != packet.kept) found.push_back(concat("holds ", rows, " tokens, says ", packet.kept));
  const std::int64_t expected = std::min(packet.budget, packet.available);
  if (packet.kept != expected)
    found.push_back(concat("kept ", packet.kept, " of ", packet.available, " with a budget of ",
                           packet.budget, "; expected exactly ", expected));
}

void PacketCheck::check_totals(const Packet& packet, std::vector<std::string>& found) const {
  const RunningTotals& totals = packet.totals;
  const auto earned = kernels::round_half_even(packet.retain * static_cast<double>(totals.seen));
  const bool is_tick = packet.tick.has_value();  // has a budget of its own, and saves nothing up
  if (!is_tick && saturating_add(totals.kept, totals.unspent) != earned)
    found.push_back(concat("in all kept ", totals.kept, " and left ", totals.unspent,
                           " unspent; expected ", earned, " together, the rounded share ",
                           packet.retain, " of ", totals.seen));
  if (totals.kept > totals.available || totals.available > totals.seen)
    found.push_back(concat("totals out of order: kept ", totals.kept, ", available ",
                           totals.available, ", seen ", totals.seen));
}

void PacketCheck::check_sequence(const Packet& packet, std::vector<std::string>& found) {
  if (!previous_) {  // the first packet, or the first after a restart
    if (packets_ == 0) joined_at_ = packet.sequence;
    return;
  }
  const std::int64_t gap = packet.sequence - previous_->sequence - 1;
  if (gap < 0) {
    found.push_back(concat("sequence ", packet.sequence, " after ", previous_->sequence));
    return;
  }
  const RunningTotals& before = previous_->totals;
  const RunningTotals& now = packet.totals;
  const std::int64_t dropped = now.dropped_packets - before.dropped_packets;
  missing_ += gap;
  dropped_ += dropped;
  if (dropped < 0 || dropped > gap)
    found.push_back(
        concat("the sender says it dropped ", dropped, " packets; ", gap, " are missing here"));
  if (now.seen < before.seen || now.kept < before.kept || now.frames < before.frames)
    found.emplace_back("running totals went down");
  if (gap == 0 && now.kept - before.kept != packet.kept)
    found.push_back(
        concat("total kept grew by ", now.kept - before.kept, " with a packet of ", packet.kept));
  if (gap == 0 && packet.segment_first && previous_->segment_last &&
      *packet.segment_first != *previous_->segment_last + 1)
    found.push_back(concat("segment starts at frame ", *packet.segment_first, " after frame ",
                           *previous_->segment_last));
  if (packet.settings_hash != previous_->settings_hash)
    found.emplace_back("the settings changed in mid-stream");
}

void PacketCheck::check_shapes(const Packet& packet, std::vector<std::string>& found) {
  for (const auto& batch : packet.batches) {
    if (batch.valid.empty()) continue;
    const auto [shape, is_new] = shapes_.try_emplace(batch.source.id, batch.size());
    if (!is_new && shape->second != batch.size())
      found.push_back(
          concat(batch.source.id, " has ", batch.size(), " rows; its shape was ", shape->second));
  }
}

void PacketCheck::check_tokens(const Packet& packet, std::vector<std::string>& found) const {
  if (!packet.segment_first || !packet.segment_last) return;
  const std::int64_t frames =
      saturating_add(saturating_add(*packet.segment_last, 1), -*packet.segment_first);
  for (const auto& batch : packet.batches) {
    const auto report = [&](std::size_t row, const char* what) {
      found.push_back(concat(batch.source.id, " token ", row, " ", what));
    };
    // Columns are optional in the format; what is not there can't be wrong.
    const bool has_frames = !batch.frame.empty() && !batch.frame_last.empty();
    const auto tokens = static_cast<std::size_t>(std::max<std::int64_t>(chosen_rows(batch), 0));
    std::int64_t weight = 0;
    for (std::size_t row = 0; row < tokens; ++row) {
      if (has_frames && (batch.frame[row] < *packet.segment_first ||
                         batch.frame_last[row] > *packet.segment_last ||
                         batch.frame[row] > batch.frame_last[row]))
        report(row, "lies outside its segment");
      if (batch.source.positions() > 0 && !batch.position.empty() &&
          (batch.position[row] < 0 || batch.position[row] >= batch.source.positions()))
        report(row, "lies outside its grid");
      if (!batch.weight.empty()) {
        if (batch.weight[row] < 1) report(row, "stands for no input");
        weight = saturating_add(weight, batch.weight[row]);
      }
      if (found.size() > 8) return;  // one broken packet need not fill the screen
    }
    const double inputs =
        static_cast<double>(frames) * static_cast<double>(batch.source.positions());
    if (batch.source.positions() > 0 && static_cast<double>(weight) > inputs)
      found.push_back(
          concat(batch.source.id, " stands for ", weight, " input tokens; there were ", inputs));
  }
}

}  // namespace sluice::stream

#include "stream/packet_validation.h"

#include <algorithm>

#include "kernels/error.h"
#include "stream/fixed_shape.h"
#include "stream/json.h"
#include "stream/packet_fields.h"

namespace sluice::stream {
namespace {

void check_counts(const Packet& packet, std::string_view where) {
  const auto check = [where](std::string_view name, std::int64_t value) {
    if (value < 0) throw input_error(where, concat(name, " is ", value), "0 or more");
  };
  check("sequence", packet.sequence);
  check("budget", packet.budget);
  check("available", packet.available);
  check("kept", packet.kept);
  for_each_total(packet.totals, check);
  // That kept is within the budget is for the receiver to judge: parity rounding exceeds it.
  if (packet.kept > packet.available)
    throw input_error(where, concat("keeps ", packet.kept, " tokens of ", packet.available),
                      "no more than there were");
}

void check_segment(const Packet& packet, std::string_view where) {
  const auto& first = packet.segment_first;
  const auto& last = packet.segment_last;
  if (first.has_value() != last.has_value())
    throw input_error(where, "half a segment", "segment_first and segment_last, or neither");
  if (first && (*first < 0 || *last < *first))
    throw input_error(where, concat("a segment of frames ", *first, " to ", *last),
                      "a first frame of 0 or more, and a last one that is not before it");
}

void check_batches(const Packet& packet, std::string_view where,
                   std::vector<std::string_view>& ids) {
  ids.clear();
  std::int64_t tokens = 0;
  for (const TokenBatch& batch : packet.batches) {
    validate(batch, where);
    ids.push_back(batch.source.id);
    tokens += chosen_rows(batch);
  }
  std::sort(ids.begin(), ids.end());
  if (const auto twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end())
    throw input_error(where, concat("source ", in_quotes(*twice), " is there twice"),
                      "one batch per source");
  if (tokens != packet.kept)
    throw input_error(where, concat("holds ", tokens, " tokens"),
                      concat("as many as it says it keeps, ", packet.kept));
}

}  // namespace

void validate(const Packet& packet, std::string_view where, std::vector<std::string_view>& ids) {
  if (packet.stream.empty()) throw input_error(where, "has no stream id", "one");
  if (!(packet.retain > 0 && packet.retain <= 1))
    throw input_error(where, concat("retain is ", packet.retain), "above 0, at most 1");
  check_counts(packet, where);
  check_segment(packet, where);
  check_batches(packet, where, ids);
}

}  // namespace sluice::stream

// Packets and feedback as dictionaries, and back from the dataclasses of the package.
#pragma once

#include <nanobind/nanobind.h>

#include <vector>

#include "stream/feedback.h"
#include "stream/packet.h"

namespace sluice::python {

[[nodiscard]] nanobind::dict totals_fields(const stream::RunningTotals& totals);

/// Every member of sluice.Packet; "batches" is a list of (source, columns). Takes over the memory.
[[nodiscard]] nanobind::dict packet_fields(stream::Packet&& packet);
/// The same, with these tokens instead of the packet's own.
[[nodiscard]] nanobind::dict packet_fields(const stream::Packet& packet,
                                           std::vector<stream::TokenBatch>&& tokens);
/// From a sluice.Packet. Borrows the features, and holds them as long as it lives; copies the rest.
/// Throws sluice::Error naming the field.
[[nodiscard]] stream::Packet packet_from(nanobind::handle packet);

/// Every member of sluice.Feedback; "sources" is a list of (id, semantic, action), None where there
/// is none.
[[nodiscard]] nanobind::dict feedback_fields(stream::Feedback&& feedback);
/// From a sluice.Feedback. Copies. Throws sluice::Error naming the field.
[[nodiscard]] stream::Feedback feedback_from(nanobind::handle feedback);

}  // namespace sluice::python

// Packets and feedback as dictionaries, and back from the dataclasses of the package.
#pragma once

#include <nanobind/nanobind.h>

#include "stream/feedback.h"
#include "stream/packet.h"

namespace sluice::python {

[[nodiscard]] nanobind::dict totals_fields(const stream::RunningTotals& totals);

/// Every member of sluice.Packet; "batches" is a list of (source, columns). Takes over the memory.
[[nodiscard]] nanobind::dict packet_fields(stream::Packet&& packet);
/// From a sluice.Packet. Copies. Throws sluice::Error naming the field.
[[nodiscard]] stream::Packet packet_from(nanobind::handle packet);

/// Every member of sluice.Feedback; "sources" is a list of (id, semantic, action), None where there
/// is none.
[[nodiscard]] nanobind::dict feedback_fields(stream::Feedback&& feedback);
/// From a sluice.Feedback. Copies. Throws sluice::Error naming the field.
[[nodiscard]] stream::Feedback feedback_from(nanobind::handle feedback);

}  // namespace sluice::python

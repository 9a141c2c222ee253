#include "stream/io/libav/frame_scan.h"

#include <algorithm>
#include <optional>

#include "kernels/error.h"
#include "stream/io/presentation_clock.h"

namespace sluice::stream::libav {
namespace {

struct ScannedPacket {
  std::optional<double> stamp_s = std::nullopt;
  double duration_s = 0;
  std::int64_t index = 0;
  bool key = false;
};

/// Puts packets that lie between two breaks of the time line into presentation order.
void append_in_order(std::vector<ScannedPacket>& run, PresentationClock& clock, FrameScan& scan) {
  if (std::all_of(run.begin(), run.end(), [](const auto& packet) { return packet.stamp_s; })) {
    std::stable_sort(run.begin(), run.end(), [](const ScannedPacket& a, const ScannedPacket& b) {
      return *a.stamp_s < *b.stamp_s;
    });
  }
  for (const ScannedPacket& packet : run) {
    scan.frames.push_back(
        {clock.next(packet.stamp_s, packet.duration_s), packet.index, packet.key});
  }
  run.clear();
}

}  // namespace

FrameScan scan_frames(const Location& location, Interrupt& interrupt) {
  Demuxer demuxer(location, interrupt);
  if (!demuxer.is_recording()) {
    throw input_error(location.input, "cannot be sampled by number of frames: it is live",
                      "a recording, or sampling by frames per second");
  }
  const AVStream& stream = demuxer.stream();
  const auto rate = frame_rate(stream);
  FrameScan scan;
  scan.tick_s = tick_s(stream);
  PresentationClock clock((demuxer.format().iformat->flags & AVFMT_TS_DISCONT) != 0);

  ProblemLog ignored;  // decoding will meet the same problems, and report them
  const PacketHandle packet = make_packet();
  std::optional<std::int64_t> origin = start_stamp(stream);
  std::int64_t last_dts = AV_NOPTS_VALUE;
  std::int64_t index = 0;
  std::vector<ScannedPacket> run;
  for (; demuxer.read(*packet, ignored); ++index, av_packet_unref(packet.get())) {
    if ((packet->flags & AV_PKT_FLAG_DISCARD) != 0) continue;
    // Decoding order only ever goes back where the time line breaks.
    if (packet->dts != AV_NOPTS_VALUE) {
      if (last_dts != AV_NOPTS_VALUE && packet->dts < last_dts) append_in_order(run, clock, scan);
      last_dts = packet->dts;
    }
    ScannedPacket scanned{.index = index, .key = (packet->flags & AV_PKT_FLAG_KEY) != 0};
    const std::int64_t stamp = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (stamp != AV_NOPTS_VALUE) {
      if (!origin) origin = stamp;
      scanned.stamp_s = static_cast<double>(stamp - *origin) * scan.tick_s;
    }
    scanned.duration_s = packet->duration > 0 ? static_cast<double>(packet->duration) * scan.tick_s
                                              : (rate ? 1 / *rate : 0.0);
    run.push_back(scanned);
  }
  append_in_order(run, clock, scan);
  scan.can_skip = clock.breaks() == 0 && clock.derived() == 0;
  return scan;
}

std::int64_t FrameScan::key_packet_before(std::size_t index) const {
  const std::int64_t target = frames[index].packet;
  for (std::size_t i = index + 1; i-- > 0;) {
    if (frames[i].key && frames[i].packet <= target) return frames[i].packet;
  }
  return 0;
}

}  // namespace sluice::stream::libav

#include "stream/packet.h"

#include <limits>

#include "stream/metadata_fields.h"
#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using test::input_error_of;
using test::sample_packet;
using test::with_metadata;
using test::with_tensor;

std::string decode_error(std::span<const std::byte> blob) {
  const std::string message = input_error_of([&] { (void)decode_packet(blob, "tcp://peer"); });
  EXPECT_CONTAINS(message, "tcp://peer");
  return message;
}

/// The error for a sample packet with one metadata value replaced.
std::string error_with(const std::string& key, const std::string& value) {
  return decode_error(
      with_metadata(encode(sample_packet()), [&](Metadata& metadata) { metadata[key] = value; }));
}

TEST(Packet, RoundTripKeepsEveryField) {
  const Packet sent = sample_packet();
  const Packet got = decode_packet(encode(sent), "blob");
  EXPECT_EQ(got.stream, sent.stream);
  EXPECT_EQ(got.sequence, sent.sequence);
  EXPECT_EQ(got.tick, sent.tick);
  EXPECT_EQ(got.episode, sent.episode);
  EXPECT_EQ(got.segment_first, sent.segment_first);
  EXPECT_EQ(got.segment_last, sent.segment_last);
  EXPECT_EQ(got.forced_cut, sent.forced_cut);
  EXPECT_EQ(got.end_of_stream, sent.end_of_stream);
  EXPECT_EQ(got.retain, sent.retain);
  EXPECT_EQ(got.budget, sent.budget);
  EXPECT_EQ(got.available, sent.available);
  EXPECT_EQ(got.kept, sent.kept);
  EXPECT_EQ(std::memcmp(&got.totals, &sent.totals, sizeof sent.totals), 0);
  EXPECT_EQ(got.settings_hash, sent.settings_hash);
  EXPECT_EQ(got.sent_unix_ns, sent.sent_unix_ns);
  ASSERT_EQ(got.batches.size(), sent.batches.size());
  for (std::size_t i = 0; i < sent.batches.size(); ++i) {
    const TokenBatch& a = sent.batches[i];
    const TokenBatch& b = got.batches[i];
    EXPECT_EQ(b.source.id, a.source.id);
    EXPECT_EQ(b.source.grid_rows, a.source.grid_rows);
    EXPECT_EQ(b.source.grid_cols, a.source.grid_cols);
    EXPECT_EQ(b.source.image_width, a.source.image_width);
    EXPECT_EQ(b.source.image_height, a.source.image_height);
    EXPECT_EQ(b.source.feature_width, a.source.feature_width);
    ASSERT_EQ(b.source.intrinsics.has_value(), a.source.intrinsics.has_value());
    if (a.source.intrinsics) {
      EXPECT_EQ(b.source.intrinsics->fx, a.source.intrinsics->fx);
      EXPECT_EQ(b.source.intrinsics->fy, a.source.intrinsics->fy);
      EXPECT_EQ(b.source.intrinsics->cx, a.source.intrinsics->cx);
      EXPECT_EQ(b.source.intrinsics->cy, a.source.intrinsics->cy);
    }
    EXPECT_EQ(b.source.pose, a.source.pose);
    EXPECT_EQ(b.features.dtype(), a.features.dtype());
    EXPECT_EQ(b.features.shape(), a.features.shape());
    EXPECT_EQ(std::memcmp(b.features.data(), a.features.data(), a.features.byte_size()), 0);
    EXPECT_EQ(b.key, a.key);
    EXPECT_EQ(b.frame, a.frame);
    EXPECT_EQ(b.frame_last, a.frame_last);
    EXPECT_EQ(b.pts, a.pts);
    EXPECT_EQ(b.pts_last, a.pts_last);
    EXPECT_EQ(b.position, a.position);
    EXPECT_EQ(b.xyz, a.xyz);
    EXPECT_EQ(b.weight, a.weight);
    EXPECT_EQ(b.score, a.score);
    EXPECT_EQ(b.kind, a.kind);
    EXPECT_EQ(b.reason, a.reason);
    EXPECT_EQ(b.valid, a.valid);
    EXPECT_EQ(b.held, a.held);
  }
}

TEST(Packet, EncodingAgainGivesTheSameBytes) {
  const auto blob = encode(sample_packet());
  EXPECT_EQ(encode(decode_packet(blob, "blob")), blob);
}

TEST(Packet, SmallestPacketRoundTrips) {
  Packet packet;
  packet.end_of_stream = true;
  const auto blob = encode(packet);
  const Packet got = decode_packet(blob, "blob");
  EXPECT_TRUE(got.end_of_stream);
  EXPECT_TRUE(got.batches.empty());
  EXPECT_FALSE(got.tick || got.episode || got.segment_first || got.sent_unix_ns);
  EXPECT_EQ(encode(got), blob);
}

TEST(Packet, BatchWithoutTokensKeepsItsFeatureWidth) {
  Packet packet;
  packet.batches.resize(1);
  packet.batches[0].source.feature_width = 7;
  const auto blob = encode(packet);
  const Packet got = decode_packet(blob, "blob");
  EXPECT_EQ(got.batches[0].features.shape(), (kernels::Shape{0, 7}));
  EXPECT_EQ(encode(got), blob);
}

TEST(Packet, MetadataIsReadableText) {
  const auto blob = encode(sample_packet());
  const Metadata metadata = SafetensorsView::parse(blob, "blob").metadata();
  EXPECT_EQ(metadata.at("sluice.message"), "packet");
  EXPECT_EQ(metadata.at("sluice.schema"), "1.2");
  EXPECT_EQ(metadata.at("sources"), "wrist.cam-0,map");
  EXPECT_EQ(metadata.at("retain"), "0.1");
  EXPECT_EQ(metadata.at("wrist.cam-0/grid"), "2,3");
  EXPECT_EQ(metadata.at("wrist.cam-0/share"), "0.6");
  EXPECT_EQ(metadata.at("wrist.cam-0/intrinsics"), "525.1,525.2,319.5,0.3333333333333333");
  EXPECT_EQ(metadata.at("totals.dropped_tokens"), "17");
}

TEST(Packet, UnknownKeysAndTensorsAreIgnored) {
  const std::vector<float> extra(5);
  auto blob = with_metadata(encode(sample_packet()), [](Metadata& metadata) {
    metadata["weather"] = "fine";
    metadata["map/colour"] = "blue";
    metadata["sluice.schema"] = "1.7";
    metadata["sluice.requires"] = "";
    metadata["storage"] = "inline";
  });
  blob = with_tensor(blob, "map/normals", {extra.data(), kernels::DType::f32, {5}});
  const Packet got = decode_packet(blob, "blob");
  EXPECT_EQ(encode(got), encode(sample_packet()));
}

TEST(Packet, KindsAndReasonsOfALaterMinorAreAccepted) {
  const std::vector<std::uint8_t> kinds{200, 201};
  const auto blob =
      with_tensor(encode(sample_packet()), "map/kind", {kinds.data(), kernels::DType::u8, {2}});
  EXPECT_EQ(decode_packet(blob, "blob").batches[1].kind, kinds);
}

TEST(Packet, OtherMajorVersionsAreRejected) {
  for (const char* schema : {"2.0", "0.9", "10.0", "11", "1", "", "1.", "1.x", "v1.0", "1.0.0"}) {
    const std::string message = error_with("sluice.schema", schema);
    EXPECT_CONTAINS(message, "sluice.schema");
  }
}

TEST(Packet, UnknownRequirementsAreRejected) {
  EXPECT_CONTAINS(error_with("sluice.requires", "delta"), "\"delta\"");
  EXPECT_CONTAINS(error_with("storage", "cuda-ipc"), "cuda-ipc");
}

/// The camera's last row is padding, the one before is held.
Packet masked_packet() {
  Packet packet = sample_packet();
  packet.batches[0].valid = {1, 1, 0};
  packet.batches[0].held = {0, 1, 0};
  packet.batches[0].weight[2] = 0;
  packet.kept = 3;
  return packet;
}

TEST(Packet, FixedShapesCountOnlyWhatWasChosen) {
  const auto blob = encode(masked_packet());
  const Metadata metadata = SafetensorsView::parse(blob, "blob").metadata();
  EXPECT_EQ(metadata.at("wrist.cam-0/kept"), "1");
  EXPECT_EQ(metadata.at("map/kept"), "2");
  EXPECT_EQ(metadata.at("map/share"), to_text(2.0 / 3));
  const Packet got = decode_packet(blob, "blob");
  EXPECT_EQ(got.kept, 3);
  EXPECT_EQ(got.batches[0].size(), 3);
  EXPECT_EQ(got.batches[0].valid, masked_packet().batches[0].valid);
  EXPECT_EQ(got.batches[0].held, masked_packet().batches[0].held);
  EXPECT_TRUE(got.batches[1].valid.empty() && got.batches[1].held.empty());
  EXPECT_EQ(encode(got), blob);
}

TEST(Packet, FixedShapesAreAnnouncedToReadersWhoDontKnowThem) {
  const auto required = [](const Packet& packet) {
    const auto blob = encode(packet);
    return is_required(SafetensorsView::parse(blob, "blob"), message_feature::mask);
  };
  EXPECT_TRUE(required(masked_packet()));
  EXPECT_FALSE(required(sample_packet()));
}

TEST(Packet, MasksMustFitTheirCounts) {
  const auto blob = encode(masked_packet());
  const auto error_of = [&](const std::string& name, const std::vector<std::uint8_t>& values) {
    return decode_error(
        with_tensor(blob, "wrist.cam-0/" + name, {values.data(), kernels::DType::u8, {3}}));
  };
  EXPECT_CONTAINS(error_of("valid", {1, 1, 1}), "order");
  EXPECT_CONTAINS(error_of("valid", {1, 0, 1}), "held and not valid");
  EXPECT_CONTAINS(error_of("valid", {1, 2, 0}), "0 or 1");
  EXPECT_CONTAINS(error_of("held", {1, 0, 0}), "order");
  EXPECT_CONTAINS(error_of("held", {0, 0, 0}), "holds 4 tokens");
  EXPECT_CONTAINS(error_of("held", {0, 1, 1}), "held and not valid");
}

TEST(Packet, OtherMessagesAreRejected) {
  EXPECT_CONTAINS(decode_error(encode(test::sample_feedback())), "\"feedback\"");
  EXPECT_CONTAINS(decode_error(encode(test::sample_feature_message())), "\"features\"");
  EXPECT_CONTAINS(decode_error(encode_safetensors({}, {})), "sluice.message");
  EXPECT_CONTAINS(decode_error({}), "only 0 bytes");
}

TEST(Packet, EveryKeyIsChecked) {
  const auto blob = encode(sample_packet());
  const Metadata metadata = SafetensorsView::parse(blob, "blob").metadata();
  for (const auto& [key, value] : metadata) {
    if (key == "stream" || key == "settings_hash") continue;  // any text will do
    EXPECT_CONTAINS(error_with(key, "?!"), key);
  }
}

TEST(Packet, RequiredKeysMayNotBeMissing) {
  for (const char* key : {"stream", "sequence", "retain", "budget", "available", "kept", "sources",
                          "settings_hash", "totals.seen", "map/kept", "segment_last"}) {
    const auto blob =
        with_metadata(encode(sample_packet()), [&](Metadata& metadata) { metadata.erase(key); });
    EXPECT_CONTAINS(decode_error(blob), key);
  }
}

TEST(Packet, CountsMustAgree) {
  EXPECT_CONTAINS(error_with("kept", "4"), "holds 5 tokens");
  EXPECT_CONTAINS(error_with("available", "4"), "no more than there were");
  EXPECT_CONTAINS(error_with("map/kept", "1"), "map/kept");
  EXPECT_CONTAINS(error_with("map/share", "0.7"), "map/share");
  EXPECT_CONTAINS(error_with("totals.seen", "-1"), "totals.seen");
  EXPECT_CONTAINS(error_with("sequence", "-1"), "sequence");
  EXPECT_CONTAINS(error_with("retain", "0"), "retain");
  EXPECT_CONTAINS(error_with("retain", "1.5"), "retain");
  EXPECT_CONTAINS(error_with("retain", "nan"), "retain");
  EXPECT_CONTAINS(error_with("segment_last", "4"), "segment");
  EXPECT_CONTAINS(error_with("sources", "map,map"), "twice");
  EXPECT_CONTAINS(error_with("sources", "map,"), "source id");
  EXPECT_CONTAINS(error_with("sources", "map,ghost"), "ghost");
  EXPECT_CONTAINS(error_with("sources", "map"), "holds 2 tokens");
  EXPECT_CONTAINS(error_with("map/feature_width", "2"), "map/features");
  EXPECT_CONTAINS(error_with("wrist.cam-0/grid", "1,1"), "position");
}

TEST(Packet, TensorsMustHaveTheirTypeAndShape) {
  const std::vector<std::int64_t> zeros(64);
  const auto error_of = [&](const std::string& name, kernels::DType dtype,
                            const kernels::Shape& shape) {
    return decode_error(with_tensor(encode(sample_packet()), name, {zeros.data(), dtype, shape}));
  };
  EXPECT_CONTAINS(error_of("map/key", kernels::DType::i32, {2}), "map/key");
  EXPECT_CONTAINS(error_of("map/key", kernels::DType::i64, {3}), "map/key");
  EXPECT_CONTAINS(error_of("map/xyz", kernels::DType::f32, {6}), "map/xyz");
  EXPECT_CONTAINS(error_of("map/weight", kernels::DType::i64, {2}), "weight");
  EXPECT_CONTAINS(error_of("map/features", kernels::DType::f64, {2, 1}), "map/features");
  EXPECT_CONTAINS(decode_error(with_tensor(encode(sample_packet()), "map/features", {})),
                  "map/features");
}

TEST(Packet, EncodeRejectsInconsistentPackets) {
  const auto complaint = [](auto&& damage) {
    Packet packet = sample_packet();
    damage(packet);
    return input_error_of([&] { (void)encode(packet); });
  };
  EXPECT_CONTAINS(complaint([](Packet& p) { p.kept = 4; }), "packet 12");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.stream.clear(); }), "stream id");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.batches[1].source.id = "wrist.cam-0"; }), "twice");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.batches[0].key.pop_back(); }), "key");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.segment_first.reset(); }), "segment");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.totals.kept = -1; }), "totals.kept");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.settings_hash = "\xff"; }), "UTF-8");
}

}  // namespace
}  // namespace sluice::stream

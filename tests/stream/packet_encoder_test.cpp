#include "stream/packet_encoder.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "stream/fixed_shape.h"
#include "stream/metadata_fields.h"
#include "tests/stream/blobs.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/random_clip.h"

namespace sluice::stream {
namespace {

using sluice::test::Random;
using Bytes = std::vector<std::byte>;

/// The same packet, put together column by column and key by key as docs/packet.md has it.
Bytes naive_encoding(const Packet& packet) {
  Metadata metadata{{"sluice.message", "packet"}, {"sluice.schema", "1.2"}};
  const auto number = [](auto value) { return std::to_string(value); };
  metadata["stream"] = packet.stream;
  metadata["sequence"] = number(packet.sequence);
  if (packet.tick) metadata["tick"] = number(*packet.tick);
  if (packet.episode) metadata["episode"] = number(*packet.episode);
  if (packet.segment_first) metadata["segment_first"] = number(*packet.segment_first);
  if (packet.segment_last) metadata["segment_last"] = number(*packet.segment_last);
  metadata["forced_cut"] = packet.forced_cut ? "true" : "false";
  metadata["end_of_stream"] = packet.end_of_stream ? "true" : "false";
  metadata["retain"] = to_text(packet.retain);
  metadata["budget"] = number(packet.budget);
  metadata["available"] = number(packet.available);
  metadata["kept"] = number(packet.kept);
  metadata["totals.frames"] = number(packet.totals.frames);
  metadata["totals.seen"] = number(packet.totals.seen);
  metadata["totals.available"] = number(packet.totals.available);
  metadata["totals.kept"] = number(packet.totals.kept);
  metadata["totals.unspent"] = number(packet.totals.unspent);
  metadata["totals.packets"] = number(packet.totals.packets);
  metadata["totals.dropped_packets"] = number(packet.totals.dropped_packets);
  metadata["totals.dropped_tokens"] = number(packet.totals.dropped_tokens);
  metadata["totals.forced_cuts"] = number(packet.totals.forced_cuts);
  metadata["totals.non_finite"] = number(packet.totals.non_finite);
  metadata["totals.skipped_input"] = number(packet.totals.skipped_input);
  metadata["settings_hash"] = packet.settings_hash;
  if (packet.sent_unix_ns) metadata["sent_unix_ns"] = number(*packet.sent_unix_ns);

  std::vector<NamedTensor> tensors;
  std::string ids;
  for (const TokenBatch& batch : packet.batches) {
    const std::string prefix = batch.source.id + "/";
    const Source& source = batch.source;
    ids += (ids.empty() ? "" : ",") + source.id;
    metadata[prefix + "grid"] = number(source.grid_rows) + "," + number(source.grid_cols);
    metadata[prefix + "image_size"] =
        number(source.image_width) + "," + number(source.image_height);
    metadata[prefix + "feature_width"] = number(source.feature_width);
    if (const auto& k = source.intrinsics)
      metadata[prefix + "intrinsics"] =
          to_text(k->fx) + "," + to_text(k->fy) + "," + to_text(k->cx) + "," + to_text(k->cy);
    if (source.pose) {
      std::string pose;
      for (const double value : *source.pose) pose += (pose.empty() ? "" : ",") + to_text(value);
      metadata[prefix + "pose"] = pose;
    }
    std::int64_t kept = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch.size()); ++i)
      kept += (batch.valid.empty() || batch.valid[i]) && (batch.held.empty() || !batch.held[i]);
    metadata[prefix + "kept"] = number(kept);
    metadata[prefix + "share"] =
        to_text(packet.kept > 0 ? static_cast<double>(kept) / static_cast<double>(packet.kept) : 0);
    if (!batch.valid.empty() || !batch.held.empty()) metadata["sluice.requires"] = "mask";

    const auto put = [&](const std::string& name, const auto& values, std::int64_t per_row) {
      if (values.empty()) return;
      using Value = typename std::decay_t<decltype(values)>::value_type;
      const auto shape =
          per_row == 1 ? kernels::Shape{batch.size()} : kernels::Shape{batch.size(), per_row};
      tensors.push_back({prefix + name, {values.data(), kernels::DTypeOf<Value>::value, shape}});
    };
    tensors.push_back({prefix + "features", batch.features.view()});
    put("key", batch.key, 1);
    put("frame", batch.frame, 1);
    put("frame_last", batch.frame_last, 1);
    put("pts", batch.pts, 1);
    put("pts_last", batch.pts_last, 1);
    put("position", batch.position, 1);
    put("xyz", batch.xyz, 3);
    put("weight", batch.weight, 1);
    put("score", batch.score, 1);
    put("kind", batch.kind, 1);
    put("reason", batch.reason, 1);
    put("valid", batch.valid, 1);
    put("held", batch.held, 1);
  }
  metadata["sources"] = ids;
  return encode_safetensors(tensors, metadata);
}

/// Any number that may be: short and long ones.
std::int64_t any_count(Random& random) {
  return random.integer(0, std::int64_t{1} << random.integer(0, 52));
}

/// Chosen rows, held rows, padding.
void add_masks(Random& random, std::size_t n, TokenBatch& batch) {
  const auto chosen = static_cast<std::size_t>(random.integer(0, std::int64_t(n)));
  const auto valid =
      static_cast<std::size_t>(random.integer(std::int64_t(chosen), std::int64_t(n)));
  batch.valid.assign(n, 0);
  std::fill_n(batch.valid.begin(), valid, 1);
  if (random.chance(0.5)) {
    batch.held.assign(n, 0);
    std::fill(batch.held.begin() + std::ptrdiff_t(chosen),
              batch.held.begin() + std::ptrdiff_t(valid), 1);
  }
  if (batch.weight.empty()) return;
  std::fill(batch.weight.begin() + std::ptrdiff_t(valid), batch.weight.end(), 0);
}

TokenBatch random_batch(Random& random, const std::string& id, std::size_t n) {
  constexpr std::array types{kernels::DType::f32, kernels::DType::f16, kernels::DType::bf16};
  TokenBatch batch;
  batch.source.id = id;
  batch.source.grid_rows = 4;
  batch.source.grid_cols = 6;
  batch.source.feature_width = static_cast<std::int32_t>(random.integer(0, 5));
  if (random.chance(0.5)) batch.source.intrinsics = Intrinsics{500.5, 1e-9, -3, random.uniform()};
  if (random.chance(0.5))
    for (auto& value : batch.source.pose.emplace())
      value = random.chance(0.5) ? 1 : random.between(-1e-3, 1e9);
  batch.features.reshape(types[static_cast<std::size_t>(random.integer(0, 2))],
                         {std::int64_t(n), batch.source.feature_width});
  auto* bytes = static_cast<std::uint8_t*>(batch.features.data());
  for (std::size_t i = 0; i < batch.features.byte_size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(random.integer(0, 255));
  for_each_column(batch, [&](const char*, auto& values, int per_row) {
    using Value = typename std::decay_t<decltype(values)>::value_type;
    if (random.chance(0.7))
      for (std::size_t i = 0; i < n * static_cast<std::size_t>(per_row); ++i)
        values.push_back(static_cast<Value>(random.integer(1, 23)));
  });
  for (std::size_t i = 0; i < batch.frame.size() && i < batch.frame_last.size(); ++i)
    batch.frame_last[i] = std::max(batch.frame[i], batch.frame_last[i]);
  batch.valid.clear();
  batch.held.clear();
  if (random.chance(0.4)) add_masks(random, n, batch);
  return batch;
}

Packet random_packet(Random& random, std::size_t rows) {
  const std::array names{"sluice", "küche", "台所 \"7\"", "line\nbreak", "\x01\t", "a"};
  Packet packet;
  packet.stream = names[static_cast<std::size_t>(random.integer(0, 5))];
  packet.sequence = any_count(random);
  if (random.chance(0.7)) packet.tick = -any_count(random);
  if (random.chance(0.7)) packet.episode = any_count(random);
  if (random.chance(0.4)) {
    packet.segment_first = any_count(random);
    packet.segment_last = *packet.segment_first + 3;
  }
  packet.forced_cut = random.chance(0.5);
  packet.end_of_stream = random.chance(0.5);
  packet.retain = 1 - random.uniform();
  packet.budget = any_count(random);
  packet.totals = {any_count(random), any_count(random), any_count(random), any_count(random),
                   any_count(random), any_count(random), any_count(random), any_count(random),
                   any_count(random), any_count(random), any_count(random)};
  packet.settings_hash = random.chance(0.5) ? "" : "0123456789abcdef";
  if (random.chance(0.5)) packet.sent_unix_ns = any_count(random);
  for (const auto* id : {"front", "wrist.camera-with-a-long-name", "f", "voxels"}) {
    if (random.chance(0.3)) continue;
    const auto n = static_cast<std::size_t>(random.integer(0, std::int64_t(rows)));
    packet.kept += chosen_rows(packet.batches.emplace_back(random_batch(random, id, n)));
  }
  packet.available = packet.kept + random.integer(0, 3);
  return packet;
}

TEST(PacketEncoder, GivesTheBytesOfTheFormat) {
  PacketEncoder encoder;
  Bytes blob{std::byte{7}};
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const Packet packet = random_packet(random, 12);
    encoder.encode(packet, blob);
    ASSERT_EQ(blob, naive_encoding(packet)) << "seed " << seed;
    ASSERT_EQ(blob, encode(packet)) << "seed " << seed;
    ASSERT_EQ(encode(decode_packet(blob, "blob")), blob) << "seed " << seed;
  }
}

/// A packet of a loop; the first one has short numbers, but all columns and the most rows.
Packet packet_of_a_loop(Random& random, std::size_t sources, bool is_first) {
  Packet packet;
  packet.tick = 0;
  if (!is_first) {
    packet.sequence = any_count(random);
    packet.tick = -any_count(random);
    packet.totals.seen = any_count(random);
  }
  for (std::size_t i = 0; i < sources; ++i) {
    const std::size_t n = is_first ? 40 : static_cast<std::size_t>(random.integer(0, 40));
    const std::string id = "camera-with-a-long-name-" + std::to_string(i);
    TokenBatch& batch = packet.batches.emplace_back(random_batch(random, id, n));
    const double length = is_first ? 1 : random.uniform() / 3e7;
    batch.source.intrinsics = Intrinsics{length, length, -length, length};
    batch.source.pose.emplace().fill(-length);
    batch.source.feature_width = 8;
    batch.features.reshape(kernels::DType::f32, {std::int64_t(n), 8});
    std::ranges::fill(batch.features.as<float>(), 1.5F);
    if (is_first)
      for_each_column(batch, [n](const char*, auto& values, int per_row) {
        values.assign(n * static_cast<std::size_t>(per_row), 1);
      });
    packet.kept += chosen_rows(batch);
  }
  packet.available = packet.kept;
  return packet;
}

TEST(PacketEncoder, AllocatesNothingAfterTheFirstPacket) {
  if (!sluice::test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  for (std::size_t sources = 0; sources < 10; ++sources) {
    SCOPED_TRACE(sources);
    Random random(17);
    std::vector<Packet> packets;
    for (int i = 0; i < 30; ++i) packets.push_back(packet_of_a_loop(random, sources, i == 0));
    PacketEncoder encoder;
    Bytes blob;
    encoder.encode(packets[0], blob);
    const auto* memory = blob.data();
    const std::int64_t before = sluice::test::allocations();
    for (const Packet& packet : packets) encoder.encode(packet, blob);
    EXPECT_EQ(sluice::test::allocations(), before);
    EXPECT_EQ(blob.data(), memory);
  }
}

TEST(PacketEncoder, AReservedBlobNeverMoves) {
  Random random(18);
  const Packet largest = packet_of_a_loop(random, 2, true);
  Packet smaller = packet_of_a_loop(random, 2, true);
  for (TokenBatch& batch : smaller.batches) {
    batch.features.truncate(1);
    for_each_column(batch, [](const char*, auto& values, int per_row) {
      values.resize(static_cast<std::size_t>(per_row));
    });
  }
  smaller.kept = chosen_rows(smaller.batches[0]) + chosen_rows(smaller.batches[1]);
  PacketEncoder encoder;
  encoder.reserve(2 * 40 * (8 * sizeof(float) + 100));
  Bytes blob;
  encoder.encode(smaller, blob);
  EXPECT_EQ(blob, encode(smaller));
  const auto* memory = blob.data();
  encoder.encode(largest, blob);
  EXPECT_EQ(blob, encode(largest));
  EXPECT_EQ(blob.data(), memory);
}

TEST(PacketEncoder, RefusesPacketsThatContradictThemselvesAndGoesOn) {
  PacketEncoder encoder;
  Bytes blob;
  const auto complaint = [&](auto&& damage) {
    Packet packet = test::sample_packet();
    damage(packet);
    return test::input_error_of([&] { encoder.encode(packet, blob); });
  };
  EXPECT_CONTAINS(complaint([](Packet& p) { p.kept = 4; }), "packet 12");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.batches[1].source.id = "wrist.cam-0"; }), "twice");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.batches[0].pts.pop_back(); }), "pts");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.settings_hash = "\xff"; }), "UTF-8");
  EXPECT_CONTAINS(complaint([](Packet& p) { p.batches[0].valid = {1, 0, 1}; }), "order");
  encoder.encode(test::sample_packet(), blob);
  EXPECT_EQ(blob, encode(test::sample_packet()));
}

TEST(PacketEncoder, MayBeMoved) {
  PacketEncoder first;
  Bytes blob;
  first.encode(test::sample_packet(), blob);
  PacketEncoder second = std::move(first);
  second.encode(test::sample_packet(), blob);
  EXPECT_EQ(blob, encode(test::sample_packet()));
}

}  // namespace
}  // namespace sluice::stream

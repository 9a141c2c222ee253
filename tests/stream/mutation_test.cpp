// Damaged messages either decode or throw sluice::Error; they never crash. Run under the address
// and undefined-behaviour sanitizers for the full value of this.
#include <functional>
#include <random>

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using Decode = std::function<void(std::span<const std::byte>)>;

struct Format {
  std::vector<std::byte> sample;
  Decode decode;
};

std::vector<Format> formats() {
  return {
      {encode(test::sample_packet()), [](auto blob) { (void)decode_packet(blob, "mutant"); }},
      {encode(test::sample_feedback()), [](auto blob) { (void)decode_feedback(blob, "mutant"); }},
      {encode(test::sample_feature_message()),
       [](auto blob) { (void)decode_feature_message(blob, "mutant"); }},
  };
}

/// One to four random edits, most of them in the header, where the structure is.
void mutate(std::vector<std::byte>& blob, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return random() % n; };
  std::uint64_t header = 0;
  std::memcpy(&header, blob.data(), 8);
  for (std::size_t edits = 1 + below(4); edits > 0 && blob.size() > 8; --edits) {
    const std::size_t limit =
        below(4) > 0 ? std::min<std::size_t>(8 + header, blob.size()) : blob.size();
    const std::size_t at = below(limit);
    switch (below(5)) {
      case 0: blob[at] ^= std::byte(1U << below(8)); break;
      case 1: blob[at] = std::byte(below(256)); break;
      case 2: blob[at] = std::byte("0123456789,:[]{}\"\\-"[below(19)]); break;
      case 3: blob.resize(at); break;
      case 4: blob.insert(blob.begin() + static_cast<std::ptrdiff_t>(at), std::byte('9')); break;
    }
  }
}

TEST(Mutation, DamagedMessagesNeverCrash) {
  constexpr std::uint32_t seed = 7;
  constexpr int mutants_per_format = 10'000;
  SCOPED_TRACE(concat("seed ", seed));
  std::mt19937 random(seed);
  for (const Format& format : formats()) {
    int decoded = 0, rejected = 0;
    for (int i = 0; i < mutants_per_format; ++i) {
      // A new allocation of exactly the blob's size lets the address sanitizer see overruns.
      std::vector<std::byte> mutant = format.sample;
      mutate(mutant, random);
      mutant.shrink_to_fit();
      try {
        format.decode(mutant);
        ++decoded;
      } catch (const Error& error) {
        ++rejected;
        ASSERT_EQ(error.kind(), Error::Kind::input) << error.what();
      }
    }
    EXPECT_GT(decoded, 0);
    EXPECT_GT(rejected, mutants_per_format / 2);
  }
}

TEST(Mutation, SingleBitFlipsNeverCrash) {
  for (const Format& format : formats()) {
    for (std::size_t bit = 0; bit < format.sample.size() * 8; ++bit) {
      std::vector<std::byte> mutant = format.sample;
      mutant[bit / 8] ^= std::byte(1U << (bit % 8));
      try {
        format.decode(mutant);
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace sluice::stream

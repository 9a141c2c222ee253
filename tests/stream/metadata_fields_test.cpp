#include "stream/metadata_fields.h"

#include <bit>
#include <clocale>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

double parsed(const std::string& text) {
  const auto blob = encode_safetensors({}, {{"x", text}});
  const auto view = SafetensorsView::parse(blob, "blob");
  return MetadataReader(view).real("x");
}

TEST(MetadataFields, DoublesComeBackBitForBit) {
  constexpr std::uint64_t seed = 20240607;
  std::mt19937_64 random(seed);
  SCOPED_TRACE(concat("seed ", seed));
  for (const double value : {0.0, -0.0, 0.1, 1.0 / 3.0, 5e-324, 2.2250738585072014e-308,
                             std::numeric_limits<double>::max(), -1e-17, 123456789012345680.0}) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(parsed(to_text(value))),
              std::bit_cast<std::uint64_t>(value));
  }
  for (int i = 0; i < 2000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(parsed(to_text(value))),
              std::bit_cast<std::uint64_t>(value));
  }
}

TEST(MetadataFields, TextDoesNotDependOnTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  if (std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr) std::setlocale(LC_ALL, "");
  EXPECT_EQ(to_text(0.5), "0.5");
  EXPECT_EQ(to_text(std::int64_t{1234567}), "1234567");
  EXPECT_EQ(parsed("0.5"), 0.5);
  std::setlocale(LC_ALL, before.c_str());
}

TEST(MetadataFields, SplitsLists) {
  EXPECT_EQ(split("", ','), (std::vector<std::string>{}));
  EXPECT_EQ(split("a", ','), (std::vector<std::string>{"a"}));
  EXPECT_EQ(split("a,b", ','), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split("a,", ','), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(split(",", ','), (std::vector<std::string>{"", ""}));
}

TEST(MetadataFields, EveryErrorNamesBlobAndKey) {
  const auto blob = encode_safetensors({}, {{"n", "-1"},
                                            {"big", "2147483648"},
                                            {"text", "abc"},
                                            {"space", " 1"},
                                            {"nan", "nan"},
                                            {"two", "1,2"},
                                            {"overflow", "9223372036854775808"}});
  const auto view = SafetensorsView::parse(blob, "in.bin");
  const MetadataReader fields(view);
  const auto check = [](const std::string& message, std::string_view key) {
    EXPECT_CONTAINS(message, concat("in.bin, metadata \"", key, "\""));
  };
  using test::input_error_of;
  check(input_error_of([&] { (void)fields.text("absent"); }), "absent");
  check(input_error_of([&] { (void)fields.count("n"); }), "n");
  check(input_error_of([&] { (void)fields.small_count("big"); }), "big");
  check(input_error_of([&] { (void)fields.integer("text"); }), "text");
  check(input_error_of([&] { (void)fields.integer("space"); }), "space");
  check(input_error_of([&] { (void)fields.integer("overflow"); }), "overflow");
  check(input_error_of([&] { (void)fields.real("nan"); }), "nan");
  check(input_error_of([&] { (void)fields.reals("two", 3); }), "two");
  check(input_error_of([&] { (void)fields.small_counts("text", 1); }), "text");
  check(input_error_of([&] { (void)fields.flag("text"); }), "text");
  EXPECT_FALSE(fields.flag("absent"));
  EXPECT_EQ(fields.optional_integer("absent"), std::nullopt);
  EXPECT_EQ(fields.optional_integer("n"), -1);
  EXPECT_EQ(fields.small_counts("two", 2), (std::vector<std::int32_t>{1, 2}));
}

}  // namespace
}  // namespace sluice::stream

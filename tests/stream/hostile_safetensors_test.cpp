// Promise 9 for the safetensors codec: blobs that lie get a clear error, at no cost in memory.
#include <string>

#include "stream/safetensors.h"
#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using test::input_error_of;
using test::raw_blob;

struct Hostile {
  std::string header;
  std::size_t data_size;
  std::string_view complaint;  // part of the message
};

std::string tensor(std::string_view name, std::string_view dtype, std::string_view shape,
                   std::string_view offsets) {
  return concat("\"", name, R"(":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)",
                offsets, "}");
}

std::vector<Hostile> corpus() {
  const auto one = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return concat("{", tensor("x", dtype, shape, offsets), "}");
  };
  const auto two = [](std::string_view offsets_a, std::string_view offsets_b) {
    return concat("{", tensor("a", "U8", "[2]", offsets_a), ",",
                  tensor("b", "U8", "[2]", offsets_b), "}");
  };
  return {
      {"", 0, "not a JSON object"},
      {" {}", 0, "not a JSON object"},
      {"[]", 0, "not a JSON object"},
      {"{", 0, "header byte 1"},
      {"{}x", 0, "after the end"},
      {"{}", 1, "1 bytes after the last tensor"},
      {two("[0,2]", "[1,3]"), 3, "overlaps"},
      {two("[0,2]", "[0,2]"), 2, "overlaps"},
      {two("[0,2]", "[3,5]"), 5, "gap"},
      {two("[1,3]", "[3,5]"), 5, "gap"},
      {two("[0,2]", "[2,4]"), 5, "after the last tensor"},
      {two("[0,2]", "[2,4]"), 3, "beyond the data"},
      {one("U8", "[4]", "[0,4]"), 3, "truncated"},
      {one("F32", "[4]", "[0,4]"), 4, "a range of 16 bytes"},
      {one("F32", "[1]", "[4,0]"), 4, "a range of 4 bytes"},
      {one("U8", "[0]", "[0,1]"), 1, "a range of 0 bytes"},
      {one("U8", "[]", "[0,0]"), 0, "a range of 1 bytes"},
      {one("F4", "[3]", "[0,2]"), 2, "elements of F4"},
      {one("U8", "[9223372036854775807,3]", "[0,1]"), 1, "overflows"},
      {one("U8", "[4294967296,4294967296]", "[0,0]"), 0, "overflows"},
      {one("U8", "[0,9223372036854775807,9]", "[0,0]"), 0, "overflows"},
      {one("F64", "[4611686018427387904]", "[0,0]"), 0, "4611686018427387904 elements"},
      {one("U8", "[9223372036854775808]", "[0,1]"), 1, "too large"},
      {one("U8", "[1]", "[0,18446744073709551616]"), 1, "too large"},
      {one("U8", "[9223372036854775807]", "[0,9223372036854775807]"), 1, "overflows"},
      {one("F33", "[1]", "[0,4]"), 4, "unknown dtype \"F33\""},
      {one("f32", "[1]", "[0,4]"), 4, "unknown dtype"},
      {one("", "[1]", "[0,4]"), 4, "unknown dtype"},
      {one("U8", "[-1]", "[0,1]"), 1, "non-negative integer"},
      {one("U8", "[1.0]", "[0,1]"), 1, "not an integer"},
      {one("U8", "[1e0]", "[0,1]"), 1, "not an integer"},
      {one("U8", "[\"1\"]", "[0,1]"), 1, "non-negative integer"},
      {one("U8", "1", "[0,1]"), 1, "'['"},
      {one("U8", "[[1]]", "[0,1]"), 1, "non-negative integer"},
      {one("U8", "null", "[0,1]"), 1, "'['"},
      {one("U8", "[1]", "[0]"), 1, "fewer than two"},
      {one("U8", "[1]", "[0,1,2]"), 1, "more than two"},
      {one("U8", "[1]", "{}"), 1, "'['"},
      {R"({"x":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1, "not a string"},
      {R"({"x":{"shape":[1],"data_offsets":[0,1]}})", 1, "not described completely"},
      {R"({"x":{"dtype":"U8","data_offsets":[0,1]}})", 1, "not described completely"},
      {R"({"x":{"dtype":"U8","shape":[1]}})", 1, "not described completely"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}})", 1, "unknown field"},
      {R"({"x":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "a second"},
      {R"({"x":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1, "a second"},
      {R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]}})", 1,
       "a second"},
      {R"({"x":[]})", 0, "'{'"},
      {R"({"x":null})", 0, "'{'"},
      {R"({"":1})", 0, "'{'"},
      {concat("{", tensor("x", "U8", "[0]", "[0,0]"), ",", tensor("x", "U8", "[0]", "[0,0]"), "}"),
       0, "is there twice"},
      {concat("{", tensor("x", "U8", "[0]", "[0,0]"), ",", tensor("\\u0078", "U8", "[0]", "[0,0]"),
              "}"),
       0, "is there twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "a second __metadata__"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "there already"},
      {R"({"__metadata__":{"a":1}})", 0, "not a string"},
      {R"({"__metadata__":{"a":null}})", 0, "not a string"},
      {R"({"__metadata__":[]})", 0, "'{'"},
      {R"({"__metadata__":"x"})", 0, "'{'"},
      {"{\"\xff\":{}}", 0, "UTF-8"},
      {std::string("{\"a\0\":{}}", 9), 0, "control character"},
      {concat("{", tensor(std::string(1 << 20, 'n'), "U8", "[1]", "[0,2]"), "}"), 2, "…"},
  };
}

TEST(HostileSafetensors, EveryLieGetsAClearError) {
  for (const Hostile& hostile : corpus()) {
    SCOPED_TRACE(hostile.header.substr(0, 200));
    const auto blob = raw_blob(hostile.header, hostile.data_size);
    const std::string message =
        input_error_of([&] { (void)SafetensorsView::parse(blob, "evil.safetensors"); });
    EXPECT_CONTAINS(message, "evil.safetensors");
    EXPECT_CONTAINS(message, hostile.complaint);
    EXPECT_CONTAINS(message, "expected");
    EXPECT_LT(message.size(), 1000U);
  }
}

TEST(HostileSafetensors, HeaderLengthIsNotBelieved) {
  auto blob = raw_blob("{}", 0);
  const auto error_for = [&blob](std::uint64_t length) {
    std::memcpy(blob.data(), &length, 8);
    return input_error_of([&] { (void)SafetensorsView::parse(blob, "evil"); });
  };
  EXPECT_CONTAINS(error_for(3), "truncated");
  EXPECT_CONTAINS(error_for(100'000'000), "truncated");
  EXPECT_CONTAINS(error_for(100'000'001), "at most 100000000");
  EXPECT_CONTAINS(error_for(UINT64_MAX), "at most 100000000");
  EXPECT_CONTAINS(error_for(UINT64_MAX - 7), "at most 100000000");
}

TEST(HostileSafetensors, EveryTruncationIsAnError) {
  const std::vector<float> values(5);
  const std::vector<NamedTensor> tensors{{"x", {values.data(), kernels::DType::f32, {5}}}};
  const auto blob = encode_safetensors(tensors, {{"k", "v"}});
  for (std::size_t size = 0; size < blob.size(); ++size)
    EXPECT_THROW((void)SafetensorsView::parse(std::span(blob).first(size), "cut"), Error) << size;
}

TEST(HostileSafetensors, BoolsOtherThanZeroAndOneCannotBeViewed) {
  const auto blob = raw_blob(R"({"m":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", 3);
  const auto view = SafetensorsView::parse(blob, "evil");
  EXPECT_CONTAINS(input_error_of([&] { (void)view.view("m"); }), "other than 0 and 1");
}

}  // namespace
}  // namespace sluice::stream

#include "stream/safetensors.h"

#include <string>

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using kernels::DType;
using kernels::Shape;
using kernels::Tensor;
using kernels::TensorView;
using test::input_error_of;
using test::raw_blob;
using test::TemporaryFolder;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What `safetensors.numpy.save` 0.8 of the reference implementation gives for the same contents.
TEST(Safetensors, WritesTheSameBytesAsTheReferenceImplementation) {
  const std::vector<float> b{1.5F, -2.0F};
  const std::vector<std::int64_t> a{1, 2, 3};
  const std::vector<std::uint8_t> c{7};
  const std::vector<kernels::Half> h{{0x3800}};
  const std::vector<NamedTensor> tensors{{"b", {b.data(), DType::f32, {2}}},
                                         {"a", {a.data(), DType::i64, {1, 3}}},
                                         {"c", {c.data(), DType::u8, {1}}},
                                         {"h", {h.data(), DType::f16, {1}}}};
  std::string header =
      R"({"__metadata__":{"k":"v\"ö"},"a":{"dtype":"I64","shape":[1,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},)"
      R"("h":{"dtype":"F16","shape":[1],"data_offsets":[32,34]},)"
      R"("c":{"dtype":"U8","shape":[1],"data_offsets":[34,35]}})";
  header.resize(256, ' ');
  const std::string expected =
      std::string("\x00\x01\0\0\0\0\0\0", 8) + header +
      std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\xc0\x3f\0\0\0\xc0\0\x38\7",
                  35);
  EXPECT_EQ(text_of(encode_safetensors(tensors, {{"k", "v\"ö"}})), expected);
}

TEST(Safetensors, RoundTripsEveryType) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i32, DType::i64,
                            DType::u8, DType::boolean}) {
    Tensor tensor(dtype, {3, 2, 5});
    auto* bytes = static_cast<unsigned char*>(tensor.data());
    for (std::size_t i = 0; i < tensor.byte_size(); ++i)
      bytes[i] = static_cast<unsigned char>(dtype == DType::boolean ? i % 2 : i * 37 % 256);
    const std::vector<NamedTensor> tensors{{"odd", {"x", DType::u8, {1}}}, {"t", tensor}};
    const auto blob = encode_safetensors(tensors, {});
    const auto view = SafetensorsView::parse(blob, "blob");
    const Tensor back = view.tensor("t");
    EXPECT_EQ(back.dtype(), dtype);
    EXPECT_EQ(back.shape(), tensor.shape());
    EXPECT_EQ(std::memcmp(back.data(), tensor.data(), tensor.byte_size()), 0) << name(dtype);
  }
}

TEST(Safetensors, AlignsEveryTensorToItsItemSize) {
  const std::vector<double> values(4, 1.0);
  const std::vector<NamedTensor> tensors{{"a", {values.data(), DType::u8, {3}}},
                                         {"b", {values.data(), DType::f64, {1}}},
                                         {"c", {values.data(), DType::f16, {1}}},
                                         {"d", {values.data(), DType::f32, {3}}}};
  for (const std::string& value : {std::string("x"), std::string("xy"), std::string("xyzzy")}) {
    const auto blob = encode_safetensors(tensors, {{"key", value}});
    const auto view = SafetensorsView::parse(blob, "blob");
    for (const std::string& name : view.names()) {
      const TensorView tensor = view.view(name);
      const auto offset = static_cast<const std::byte*>(tensor.data()) - blob.data();
      EXPECT_EQ(static_cast<std::size_t>(offset) % item_size(tensor.dtype()), 0U) << name;
    }
  }
}

TEST(Safetensors, BytesDoNotDependOnTheOrderOfTheTensors) {
  const std::vector<float> values{1, 2, 3};
  const NamedTensor a{"a", {values.data(), DType::f32, {3}}};
  const NamedTensor b{"b", {values.data(), DType::f32, {1}}};
  const NamedTensor c{"c", {values.data(), DType::i64, {1}}};
  const std::vector<NamedTensor> one{a, b, c}, other{c, b, a};
  EXPECT_EQ(encode_safetensors(one, {{"k", "v"}}), encode_safetensors(other, {{"k", "v"}}));
}

TEST(Safetensors, EmptyBlobRoundTrips) {
  const auto blob = encode_safetensors({}, {});
  const auto view = SafetensorsView::parse(blob, "blob");
  EXPECT_TRUE(view.names().empty());
  EXPECT_TRUE(view.metadata().empty());
}

TEST(Safetensors, MetadataRoundTrips) {
  const Metadata metadata{{"", ""}, {"a\"b\\c", "\n\t\x01\u00e9"}, {"z", std::string(10000, 'z')}};
  const auto blob = encode_safetensors({}, metadata);
  EXPECT_EQ(SafetensorsView::parse(blob, "blob").metadata(), metadata);
}

TEST(Safetensors, ZeroSizedTensorsRoundTrip) {
  const std::vector<NamedTensor> tensors{{"a", {nullptr, DType::f32, {0, 7}}},
                                         {"b", {"x", DType::u8, {1}}},
                                         {"c", {nullptr, DType::i64, {3, 0}}}};
  const auto blob = encode_safetensors(tensors, {});
  const auto view = SafetensorsView::parse(blob, "blob");
  EXPECT_EQ(view.view("a").shape(), (Shape{0, 7}));
  EXPECT_EQ(view.tensor("c").shape(), (Shape{3, 0}));
  EXPECT_TRUE(view.view("a").defined());
}

TEST(Safetensors, ScalarIsPresentedWithOneElement) {
  const auto blob = raw_blob(R"({"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1);
  const auto view = SafetensorsView::parse(blob, "blob");
  EXPECT_EQ(view.view("s").shape(), Shape{1});
  EXPECT_EQ(view.tensor("s").as<std::uint8_t>()[0], 0);
}

TEST(Safetensors, AcceptsAnyOrderOfTensorsAndFieldsAndEscapedNames) {
  const auto blob = raw_blob(R"({"\u0062":{"data_offsets":[1,3],"shape":[2],"dtype":"U8"}, )"
                             R"("a":{"dtype":"U8","data_offsets":[0,1],"shape":[1]}}  )",
                             3);
  const auto view = SafetensorsView::parse(blob, "blob");
  EXPECT_EQ(view.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(view.tensor("b").as<std::uint8_t>()[1], 2);
}

TEST(Safetensors, TensorOfAForeignTypeLeavesTheOthersReadable) {
  const auto blob =
      raw_blob(R"({"e":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},)"
               R"("n":{"dtype":"F4","shape":[4],"data_offsets":[2,4]},)"
               R"("r":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[4,5]},)"
               R"("u":{"dtype":"U8","shape":[1],"data_offsets":[5,6]},)"
               R"("w":{"dtype":"I16","shape":[1],"data_offsets":[6,8]}})",
               8);
  const auto view = SafetensorsView::parse(blob, "clip.safetensors");
  EXPECT_EQ(view.names(), (std::vector<std::string>{"e", "n", "r", "u", "w"}));
  EXPECT_EQ(view.tensor("u").as<std::uint8_t>()[0], 5);
  EXPECT_TRUE(view.contains("w"));
  const std::string message = input_error_of([&] { (void)view.view("w"); });
  EXPECT_CONTAINS(message, "clip.safetensors, tensor \"w\"");
  EXPECT_CONTAINS(message, "I16");
  EXPECT_CONTAINS(input_error_of([&] { (void)view.tensor("e"); }), "F8_E4M3");
  EXPECT_CONTAINS(input_error_of([&] { (void)view.view("r"); }), "rank 9");
}

TEST(Safetensors, MissingTensorNamesThoseThatAreThere) {
  const std::vector<NamedTensor> tensors{{"feats", {"x", DType::u8, {1}}}};
  const auto blob = encode_safetensors(tensors, {});
  const auto view = SafetensorsView::parse(blob, "clip.safetensors");
  const std::string message = input_error_of([&] { (void)view.view("features"); });
  EXPECT_CONTAINS(message, "\"features\"");
  EXPECT_CONTAINS(message, "\"feats\"");
}

TEST(Safetensors, WriterRejectsWhatCannotBeRead) {
  const std::vector<float> values(4);
  const TensorView good(values.data(), DType::f32, {2, 2});
  const auto encode_one = [](const NamedTensor& named) {
    return input_error_of([&] { (void)encode_safetensors({&named, 1}, {}); });
  };
  EXPECT_CONTAINS(encode_one({"x", {}}), "undefined");
  EXPECT_CONTAINS(encode_one({"__metadata__", good}), "reserved");
  EXPECT_CONTAINS(encode_one({"\xff", good}), "UTF-8");
  const std::vector<std::int64_t> transposed{1, 2};
  EXPECT_CONTAINS(encode_one({"x", TensorView(values.data(), DType::f32, {2, 2}, transposed)}),
                  "contiguous");
  EXPECT_CONTAINS(
      encode_one({"x", TensorView(values.data(), DType::f32, {2}, {kernels::Device::Kind::cuda})}),
      "host");
  const std::vector<NamedTensor> twice{{"x", good}, {"x", good}};
  EXPECT_CONTAINS(input_error_of([&] { (void)encode_safetensors(twice, {}); }), "twice");
  EXPECT_CONTAINS(input_error_of([&] { (void)encode_safetensors({}, {{"k", "\xc3"}}); }), "UTF-8");
}

TEST(SafetensorsFile, ReadsWhatWasWritten) {
  const TemporaryFolder folder;
  const std::vector<float> values{1, 2, 3, 4};
  const std::vector<NamedTensor> tensors{{"x", {values.data(), DType::f32, {4}}}};
  write_safetensors(folder / "a.safetensors", tensors, {{"k", "v"}});
  EXPECT_EQ(test::read_all(folder / "a.safetensors"),
            text_of(encode_safetensors(tensors, {{"k", "v"}})));
  SafetensorsFile file(folder / "a.safetensors");
  SafetensorsFile moved = std::move(file);
  // Replacing the file leaves the mapping of the old one alone.
  write_safetensors(folder / "a.safetensors", {}, {});
  EXPECT_EQ(moved.contents().tensor("x").as<float>()[3], 4.0F);
  EXPECT_EQ(moved.contents().metadata().at("k"), "v");
  EXPECT_EQ(folder.file_count(), 1U);
}

TEST(SafetensorsFile, NamesTheFileInErrors) {
  const TemporaryFolder folder;
  const auto open = [&](const std::string& name) {
    return input_error_of([&] { const SafetensorsFile file(folder / name); });
  };
  EXPECT_CONTAINS(open("absent"), "absent");
  EXPECT_CONTAINS(open(""), "not a regular file");
  test::write_all(folder / "empty", "");
  EXPECT_CONTAINS(open("empty"), "only 0 bytes");
  test::write_all(folder / "text", "this is not a tensor file");
  EXPECT_CONTAINS(open("text"), "text: a header of");
}

}  // namespace
}  // namespace sluice::stream

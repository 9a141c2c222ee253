// The parts of an encoder that need no ONNX Runtime: which tensors are what, where tokens lie in
// the picture, attention received, and pixels as numbers. tests/apps/encoder_test.py runs real
// models.
#include "stream/io/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/io/onnx/runtime_library.h"
#include "stream/io/onnx/vision_model.h"
#include "stream/io/picture_tensor.h"
#include "stream/io/token_layout.h"
#include "tests/io/temporary_folder.h"
#include "tests/support/error_messages.h"

namespace sluice::stream {
namespace {

using kernels::DType;
using kernels::Shape;
using onnx::TensorDeclaration;

// --- Where tokens lie ---

struct Published {
  const char* name;
  Shape shape;
  int side;
  TokenLayout expected;
};

TEST(TokenLayout, IsThatOfPublishedEncoders) {
  for (const Published& it : std::vector<Published>{
           {"CLIP ViT-B/32", {1, 50, 768}, 224, {{7, 7}, 1, 768}},
           {"CLIP ViT-L/14 at 336", {1, 577, 1024}, 336, {{24, 24}, 1, 1024}},
           {"SigLIP B/16", {4, 196, 768}, 224, {{14, 14}, 0, 768}},
           {"SigLIP so400m/14 at 384, whose patches leave 6 pixels over",
            {1, 729, 1152},
            384,
            {{27, 27}, 0, 1152}},
           {"DINOv2 B/14 at 518", {1, 1370, 768}, 518, {{37, 37}, 1, 768}},
           {"DINOv2 with registers", {1, 261, 384}, 224, {{16, 16}, 5, 384}},
           {"DeiT, distilled", {1, 198, 192}, 224, {{14, 14}, 2, 192}},
           {"ConvNeXt's last map", {1, 1024, 7, 9}, 224, {{7, 9}, 0, 1024, true}}}) {
    const auto layout = deduce_layout(it.shape, it.side, it.side, {}, {}, it.name);
    EXPECT_EQ(layout.grid, it.expected.grid) << it.name;
    EXPECT_EQ(layout.prefix, it.expected.prefix) << it.name;
    EXPECT_EQ(layout.width, it.expected.width) << it.name;
    EXPECT_EQ(layout.is_map, it.expected.is_map) << it.name;
  }
}

/// Every square patch and prefix that a model can have: found again, or refused as ambiguous.
TEST(TokenLayout, IsFoundForEveryPatchOrRefused) {
  int found = 0;
  for (const int width : {112, 224, 300})
    for (const int height : {112, 224, 384})
      for (int patch = 8; patch <= 32; ++patch)
        for (std::int64_t prefix = 0; prefix <= most_deduced_prefix; ++prefix) {
          const Grid grid{height / patch, width / patch};
          const std::int64_t tokens = prefix + std::int64_t{grid.rows} * grid.cols;
          try {
            const auto layout = deduce_layout({1, tokens, 8}, width, height, {}, {}, "x");
            EXPECT_EQ(layout.grid, grid) << width << 'x' << height << ' ' << tokens;
            EXPECT_EQ(layout.prefix, prefix);
            ++found;
          } catch (const Error& error) {
            EXPECT_CONTAINS(std::string(error.what()), "several grids");
          }
          const auto told = deduce_layout({1, tokens, 8}, width, height, grid, {}, "x");
          EXPECT_EQ(told.prefix, prefix);
        }
  EXPECT_GT(found, 1500);
}

TEST(TokenLayout, TakesWhatItIsTold) {
  EXPECT_EQ(deduce_layout({1, 76, 8}, 112, 112, {}, 12, "x").grid, (Grid{8, 8}));
  EXPECT_EQ(deduce_layout({1, 65, 8}, 112, 112, Grid{4, 16}, {}, "x").prefix, 1);
  EXPECT_EQ(deduce_layout({1, 65, 8}, 112, 112, Grid{4, 16}, 1, "x").prefix, 1);
}

TEST(TokenLayout, RefusesWhatDoesNotFit) {
  const auto refused = [](const Shape& shape, std::optional<Grid> grid,
                          std::optional<std::int64_t> prefix) {
    return test::input_error_of([&] { (void)deduce_layout(shape, 112, 112, grid, prefix, "out"); });
  };
  EXPECT_CONTAINS(refused({1, 77, 8}, {}, {}), "77 tokens of a picture of 112x112");
  EXPECT_CONTAINS(refused({1, 65, 8}, {}, 2), "another --encoder-prefix");
  EXPECT_CONTAINS(refused({1, 65, 8}, Grid{9, 9}, {}), "--grid");
  EXPECT_CONTAINS(refused({1, 65, 8}, Grid{8, 8}, 3), "prefix of 3");
  EXPECT_CONTAINS(refused({1, 8, 7, 7}, Grid{8, 8}, {}), "7,7");
  EXPECT_CONTAINS(refused({1, 8, 7, 7}, {}, 1), "--encoder-prefix");
  // In a picture that is this small, anything goes.
  EXPECT_CONTAINS(test::input_error_of([] {
                    (void)deduce_layout({1, 9, 8}, 24, 24, {}, {}, "out");
                  }),
                  "--encoder-prefix 0 (3,3) or 5 (2,2) or 8 (1,1)");
  for (const Shape& shape : {Shape{65, 8}, Shape{1, 0, 8}, Shape{1, 65}, Shape{1, 1, 1, 1, 65}})
    EXPECT_CONTAINS(refused(shape, {}, {}), "[N, tokens, D]");
}

// --- Attention ---

TEST(AttentionReceived, IsTheMeanOverHeadsAndQueries) {
  constexpr std::int64_t heads = 3;
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (const std::int64_t prefix : {0, 1, 5}) {
    const TokenLayout features{{2, 3}, prefix, 8};
    const std::int64_t tokens = 6 + prefix;
    std::vector<float> attention(static_cast<std::size_t>(heads * tokens * tokens));
    for (float& value : attention) value = uniform(random);
    const Shape shape{1, heads, tokens, tokens};
    const auto layout = attention_layout(shape, features, "attention");
    std::vector<float> received(6);
    attention_received(kernels::TensorView(attention.data(), DType::f32, shape)[0], layout,
                       received);
    for (std::int64_t position = 0; position < 6; ++position) {
      double sum = 0;
      for (std::int64_t head = 0; head < heads; ++head)
        for (std::int64_t query = 0; query < tokens; ++query)
          sum += attention[static_cast<std::size_t>((head * tokens + query) * tokens + prefix +
                                                    position)];
      EXPECT_FLOAT_EQ(received[static_cast<std::size_t>(position)],
                      static_cast<float>(sum / static_cast<double>(heads * tokens)));
    }
  }
}

TEST(AttentionReceived, TakesEveryForm) {
  const TokenLayout features{{1, 2}, 1, 8};
  const std::vector<float> rows{0.5F, 0.25F, 0.25F, 0, 1, 0, 0, 0.5F, 0.5F};
  const auto received = [&](const Shape& shape, const auto& values, DType dtype) {
    std::vector<float> result(2);
    attention_received(kernels::TensorView(values.data(), dtype, shape)[0],
                       attention_layout(shape, features, "attention"), result);
    return result;
  };
  const std::vector<float> mean{1.75F / 3, 0.75F / 3};
  EXPECT_EQ(received({1, 3, 3}, rows, DType::f32), mean);
  EXPECT_EQ(received({1, 1, 3, 3}, rows, DType::f32), mean);
  EXPECT_EQ(received({1, 3}, rows, DType::f32), (std::vector<float>{0.25F, 0.25F}));
  EXPECT_EQ(received({1, 2}, rows, DType::f32), (std::vector<float>{0.5F, 0.25F}))
      << "without the prefix";
  std::vector<kernels::Half> halves;
  std::vector<kernels::Bfloat16> bfloats;
  for (const float value : rows) {
    halves.push_back(kernels::to_half(value));
    bfloats.push_back(kernels::to_bfloat16(value));
  }
  EXPECT_EQ(received({1, 3, 3}, halves, DType::f16), mean);
  EXPECT_EQ(received({1, 3, 3}, bfloats, DType::bf16), mean);
}

TEST(AttentionReceived, MayHaveAPrefixThatAMapHasNot) {
  const TokenLayout map{{2, 3}, 0, 8, true};
  EXPECT_EQ(attention_layout({1, 2, 7, 7}, map, "here").prefix, 1);
  EXPECT_EQ(attention_layout({1, 2, 6, 6}, map, "here").prefix, 0);
  EXPECT_THROW((void)attention_layout({1, 2, 15, 15}, map, "here"), Error);
  EXPECT_THROW((void)attention_layout({1, 2, 5, 5}, map, "here"), Error);
}

TEST(AttentionReceived, RefusesOtherShapes) {
  const TokenLayout features{{2, 3}, 1, 8};
  for (const Shape& shape : {Shape{7}, Shape{1, 8}, Shape{1, 7, 6}, Shape{1, 2, 6, 7},
                             Shape{1, 2, 2, 7, 7}, Shape{1, 0, 7, 7}})
    EXPECT_CONTAINS(test::input_error_of([&] { (void)attention_layout(shape, features, "here"); }),
                    "T = 7");
}

// --- Which tensor is what ---

TensorDeclaration declared(std::string name, std::vector<std::int64_t> shape,
                           std::optional<DType> dtype = DType::f32) {
  return {std::move(name), dtype, std::move(shape)};
}

TEST(VisionModel, FindsThePicture) {
  const auto find = [](std::vector<std::int64_t> shape, DType dtype = DType::f32) {
    const std::vector inputs{declared("pixel_values", std::move(shape), dtype)};
    return onnx::find_picture_input(inputs, "model.onnx");
  };
  const auto fixed = find({1, 3, 224, 336}, DType::f16);
  EXPECT_EQ(fixed.name, "pixel_values");
  EXPECT_EQ(fixed.dtype, DType::f16);
  EXPECT_EQ(fixed.layout, PixelLayout::channels_first);
  EXPECT_EQ(fixed.batch, 1);
  EXPECT_EQ(fixed.height, 224);
  EXPECT_EQ(fixed.width, 336);
  const auto last = find({-1, 224, 336, 3});
  EXPECT_EQ(last.layout, PixelLayout::channels_last);
  EXPECT_EQ(last.batch, -1);
  EXPECT_EQ(last.height, 224);
  EXPECT_EQ(last.width, 336);
  EXPECT_EQ(find({-1, -1, -1, -1}).layout, PixelLayout::channels_first);
  EXPECT_EQ(find({-1, -1, -1, 3}).layout, PixelLayout::channels_last);
  EXPECT_EQ(find({-1, 224, 224, -1}).layout, PixelLayout::channels_last);
}

TEST(VisionModel, RefusesOtherInputs) {
  const auto refused = [](const std::vector<TensorDeclaration>& inputs) {
    return test::input_error_of([&] { (void)onnx::find_picture_input(inputs, "model.onnx"); });
  };
  const auto picture = declared("pixel_values", {1, 3, 224, 224});
  const auto ids = declared("input_ids", {1, -1}, std::nullopt);
  for (const auto& inputs : std::vector<std::vector<TensorDeclaration>>{
           {},
           {ids},
           {picture, ids},
           {declared("x", {1, 4, 224, 224})},
           {declared("x", {1, 3, 224})},
           {declared("x", {})},
           {declared("x", {1, 3, 224, 224}, std::nullopt)}}) {
    const std::string message = refused(inputs);
    EXPECT_CONTAINS(message, "model.onnx: ");
    EXPECT_CONTAINS(message, "[N, 3, H, W]");
  }
  EXPECT_CONTAINS(refused({picture, ids}), "pixel_values f32 [1, 3, 224, 224], input_ids ");
}

TEST(VisionModel, FindsTheFeatures) {
  const auto find = [](const std::vector<TensorDeclaration>& outputs,
                       std::optional<std::string> wanted = {}) {
    return onnx::find_feature_output(outputs, wanted, "model.onnx");
  };
  const auto pooled = declared("pooler_output", {1, 768});
  const auto last = declared("last_hidden_state", {1, 197, 768});
  const auto layer = declared("hidden.0", {1, 197, 768});
  const auto attention = declared("attentions.11", {1, 12, 197, 197});
  const auto masks = declared("masks", {1, 197, 768}, std::nullopt);
  EXPECT_EQ(find({pooled, layer, attention, masks}), "hidden.0");
  EXPECT_EQ(find({layer, last, attention}), "last_hidden_state");
  EXPECT_EQ(find({layer, last}, "hidden.0"), "hidden.0");
  const auto refused = [&](const std::vector<TensorDeclaration>& outputs,
                           std::optional<std::string> wanted = {}) {
    return test::input_error_of([&] { (void)find(outputs, wanted); });
  };
  EXPECT_CONTAINS(refused({pooled}), "0 of them");
  EXPECT_CONTAINS(refused({layer, declared("hidden.1", {1, 197, 768})}), "2 of them");
  EXPECT_CONTAINS(refused({layer}, "nothing"), "one of: hidden.0 f32 [1, 197, 768]");
}

TEST(VisionModel, FindsTheLastLayersAttention) {
  const auto find = [](const std::vector<TensorDeclaration>& outputs,
                       std::optional<std::string> wanted = {}) {
    return onnx::find_attention_output(outputs, wanted, "model.onnx");
  };
  const auto attention = [](const std::string& name) { return declared(name, {1, 12, 197, 197}); };
  const auto last = declared("last_hidden_state", {1, 197, 768});
  EXPECT_EQ(find({last}), std::nullopt);
  EXPECT_EQ(find({last, attention("Attn")}), "Attn");
  EXPECT_EQ(
      find({attention("attentions.2"), attention("attentions.11"), attention("attentions.9")}),
      "attentions.11")
      << "by number, not by letters";
  EXPECT_EQ(find({attention("attentions.2"), attention("attentions.11")}, "attentions.2"),
            "attentions.2");
  EXPECT_EQ(find({attention("attentions.2")}, "none"), std::nullopt);
  EXPECT_CONTAINS(test::input_error_of([&] {
                    (void)find({attention("attn_a"), attention("attn_b")});
                  }),
                  "--encoder-attention");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)find({last}, "attn"); }), "last_hidden_state");
}

// --- Pixels ---

TEST(PictureTensor, ScalesEveryValueOfEveryChannel) {
  Image image;
  image.resize(16, 16);
  for (int i = 0; i < 256; ++i)
    for (int channel = 0; channel < 3; ++channel)
      image.rgb[static_cast<std::size_t>(3 * i + channel)] =
          static_cast<std::uint8_t>((i + 85 * channel) % 256);
  for (const char* preset : {"siglip", "clip", "dinov2", "none"}) {
    const auto scale = normalization_preset(preset, "here");
    const PictureFiller filler(scale);
    std::vector<float> first(768), last(768);
    filler.fill(image, PixelLayout::channels_first, DType::f32, first.data());
    filler.fill(image, PixelLayout::channels_last, DType::f32, last.data());
    std::vector<kernels::Half> half(768);
    std::vector<kernels::Bfloat16> bfloat(768);
    filler.fill(image, PixelLayout::channels_last, DType::f16, half.data());
    filler.fill(image, PixelLayout::channels_last, DType::bf16, bfloat.data());
    for (std::size_t i = 0; i < 256; ++i)
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const double value = image.rgb[3 * i + channel];
        const auto expected =
            static_cast<float>((value / 255 - scale.mean[channel]) / scale.std[channel]);
        EXPECT_EQ(first[256 * channel + i], expected) << preset;
        EXPECT_EQ(last[3 * i + channel], expected) << preset;
        EXPECT_EQ(half[3 * i + channel].bits, kernels::to_half(expected).bits) << preset;
        EXPECT_EQ(bfloat[3 * i + channel].bits, kernels::to_bfloat16(expected).bits) << preset;
      }
  }
}

TEST(PictureTensor, PresetsAreThePublishedNumbers) {
  EXPECT_EQ(normalization_preset("siglip", "x").mean, (std::array{0.5, 0.5, 0.5}));
  EXPECT_EQ(normalization_preset("clip", "x").std,
            (std::array{0.26862954, 0.26130258, 0.27577711}));
  EXPECT_EQ(normalization_preset("dinov2", "x").mean, (std::array{0.485, 0.456, 0.406}));
  EXPECT_CONTAINS(
      test::input_error_of([] { (void)normalization_preset("vgg", "--encoder-preset"); }),
      "--encoder-preset: \"vgg\"; expected auto, siglip");
}

TEST(PictureTensor, ReadsAPreprocessorsNumbers) {
  const auto scale = parse_normalization("[0.1, 0.2,0.3]", "1 2 3", "m");
  EXPECT_EQ(scale.mean, (std::array{0.1, 0.2, 0.3}));
  EXPECT_EQ(scale.std, (std::array{1.0, 2.0, 3.0}));
  for (const auto& [mean, deviation] : {std::pair{"", "1,1,1"},
                                        {"0,0", "1,1,1"},
                                        {"0,0,0,0", "1,1,1"},
                                        {"0,0,nan", "1,1,1"},
                                        {"0,0,x", "1,1,1"},
                                        {"0,0,0", "1,1"},
                                        {"0,0,0", "1,0,1"},
                                        {"0,0,0", "1,-1,1"}})
    EXPECT_THROW((void)parse_normalization(mean, deviation, "m"), Error) << mean << deviation;
}

// --- The library ---

TEST(RuntimeLibrary, IsRefusedIfItIsTooOld) {
  const std::string message =
      test::input_error_of([] { (void)onnx::open_runtime_library(SLUICE_OLD_ONNXRUNTIME); });
  EXPECT_CONTAINS(message, "this is ONNX Runtime 1.9.0; expected 1.14 or newer");
}

TEST(RuntimeLibrary, MustBeThere) {
  const test::TemporaryFolder folder;
  for (const std::string& path :
       {folder.file("nowhere.so"), folder.file(""), std::string(SLUICE_SOURCE_DIR "/README.md")})
    EXPECT_CONTAINS(test::input_error_of([&] { Encoder("model.onnx", {.runtime = path}); }),
                    "pip install onnxruntime");
}

}  // namespace
}  // namespace sluice::stream

// Parity rounding against recordings of the published HoliTom code: see
// tests/data/holitom_published/README.md for what was recorded and how.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "kernels/resources.h"
#include "stream/safetensors.h"
#include "temporal/parameters.h"
#include "temporal/reduce.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> recordings() {
  std::vector<std::string> names;
  std::error_code absent;  // then AreThere fails
  for (const auto& entry :
       fs::directory_iterator(fs::path(SLUICE_TEST_DATA) / "holitom_published", absent))
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

temporal::HolitomParameters parameters_of(const stream::Metadata& metadata) {
  temporal::HolitomParameters parameters;
  parameters.retain = std::stod(metadata.at("retain"));
  parameters.tau = std::stod(metadata.at("tau"));
  parameters.beta = std::stod(metadata.at("beta"));
  parameters.neighbours = std::stoi(metadata.at("knn"));
  parameters.contextual = std::stod(metadata.at("contextual"));
  parameters.max_window = std::stoll(metadata.at("max_window"));
  parameters.plain_mean = metadata.at("plain_mean") == "true";
  parameters.rounding = temporal::Rounding::parity;
  return parameters;
}

template <typename T>
std::vector<T> values(const stream::SafetensorsView& file, std::string_view name) {
  const kernels::Tensor tensor = file.tensor(name);
  const auto span = tensor.as<T>();
  return {span.begin(), span.end()};
}

std::vector<std::int32_t> flatten(const std::vector<temporal::Segment>& segments) {
  std::vector<std::int32_t> flat;
  for (const auto& segment : segments) {
    flat.push_back(static_cast<std::int32_t>(segment.first));
    flat.push_back(static_cast<std::int32_t>(segment.last));
  }
  return flat;
}

class PublishedHolitom : public testing::TestWithParam<std::string> {};

TEST_P(PublishedHolitom, ParityRoundingGivesTheRecordedTokens) {
  const stream::SafetensorsFile file(fs::path(SLUICE_TEST_DATA) / "holitom_published" /
                                     (GetParam() + ".safetensors"));
  const auto& recorded = file.contents();
  const kernels::Tensor features = recorded.tensor("features");
  const kernels::Tensor attention = recorded.tensor("attention");

  kernels::Resources resources(1);
  const auto reduction =
      temporal::reduce(resources, features, attention, parameters_of(recorded.metadata()));

  EXPECT_EQ(flatten(reduction.segments), values<std::int32_t>(recorded, "segments"));
  const auto& tokens = reduction.tokens;
  ASSERT_EQ(tokens.size(), recorded.view("out_features").size(0));
  EXPECT_EQ(tokens.frame, values<std::int32_t>(recorded, "out_frame"));
  EXPECT_EQ(tokens.frame_last, values<std::int32_t>(recorded, "out_frame_last"));
  EXPECT_EQ(tokens.position, values<std::int32_t>(recorded, "out_position"));
  EXPECT_EQ(tokens.kind, values<std::uint8_t>(recorded, "out_kind"));

  const auto expected = values<float>(recorded, "out_features");
  const auto actual = tokens.features.as<float>();
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 1e-5) << "element " << i << " of [n,D]";
}

INSTANTIATE_TEST_SUITE_P(Recordings, PublishedHolitom, testing::ValuesIn(recordings()),
                         [](const auto& test) { return test.param; });

TEST(PublishedHolitomRecordings, AreThere) {
  EXPECT_GE(recordings().size(), 12U);
}

}  // namespace
}  // namespace sluice

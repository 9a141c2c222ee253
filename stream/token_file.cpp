#include "stream/token_file.h"

#include "kernels/error.h"
#include "stream/message.h"
#include "stream/metadata_fields.h"
#include "stream/source_metadata.h"
#include "stream/tensor_access.h"
#include "stream/token_batch.h"

namespace sluice::stream {
namespace {

using kernels::Shape;
using kernels::TensorView;

/// Calls visit(name, values) for every column with one entry per token.
template <typename File, typename Visit>
void for_each_token_column(File& file, Visit&& visit) {
  visit("frame", file.frame);
  visit("frame_last", file.frame_last);
  visit("position", file.position);
  visit("weight", file.weight);
  visit("kind", file.kind);
}

template <typename T>
TensorView as_tensor(const std::vector<T>& values, const Shape& shape) {
  return {values.data(), kernels::DTypeOf<T>::value, shape};
}

void check_features(const TokenFile& file, std::string_view where) {
  const Shape& shape = file.features.shape();
  if (shape.rank() != 2 || !kernels::is_feature_type(file.features.dtype()))
    throw input_error(where,
                      concat("features are ", name(file.features.dtype()), " ", shape.to_string()),
                      "[n,D] of f32, f16 or bf16");
}

void check_sizes(const TokenFile& file, std::string_view where) {
  const auto check = [where](std::string_view name, std::size_t actual, std::int64_t expected) {
    if (actual != static_cast<std::size_t>(expected))
      throw input_error(where, concat(name, " has ", actual, " entries"), concat(expected));
  };
  const std::int64_t tokens = file.features.size(0);
  for_each_token_column(
      file, [&](std::string_view name, const auto& values) { check(name, values.size(), tokens); });
  if (!file.pts.empty()) check("pts", file.pts.size(), tokens);
  if (file.frames < 0 || file.positions < 0 || file.segments.size() % 2 != 0)
    throw input_error(where, "impossible sizes", "F and S of 0 or more, segments [m,2]");
  check("assignment", file.assignment.size(), Shape{file.frames, file.positions}.element_count());
}

void check_values(const TokenFile& file, std::string_view where) {
  const auto fail = [where](std::string_view name, std::size_t row, std::string_view expected) {
    throw input_error(where, concat(name, " of row ", row, " is impossible"), expected);
  };
  const auto tokens = file.features.size(0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(tokens); ++i) {
    if (file.frame[i] < 0 || file.frame[i] > file.frame_last[i] ||
        file.frame_last[i] >= file.frames)
      fail("frame", i, concat("0 ≤ frame ≤ frame_last < ", file.frames));
    if (file.position[i] < 0 || file.position[i] >= file.positions)
      fail("position", i, concat("0 ≤ position < ", file.positions));
    if (file.weight[i] < 1) fail("weight", i, "at least 1");
  }
  for (std::size_t i = 0; i + 1 < file.segments.size(); i += 2)
    if (file.segments[i] < 0 || file.segments[i] > file.segments[i + 1] ||
        file.segments[i + 1] >= file.frames)
      fail("segments", i / 2, concat("0 ≤ first ≤ last < ", file.frames));
  for (std::size_t i = 0; i < file.assignment.size(); ++i)
    if (file.assignment[i] >= tokens)
      fail("assignment", i, concat("a row below ", tokens, ", or a negative reason"));
}

void validate(const TokenFile& file, std::string_view where) {
  validate(file.source, where);
  check_features(file, where);
  check_sizes(file, where);
  check_values(file, where);
}

}  // namespace

void write_token_file(const std::filesystem::path& path, const TokenFile& file) {
  validate(file, path.string());
  const std::int64_t tokens = file.features.size(0);
  std::vector<NamedTensor> tensors;
  tensors.push_back({"features", file.features.view()});
  for_each_token_column(file, [&](const char* name, const auto& values) {
    tensors.push_back({name, as_tensor(values, {tokens})});
  });
  if (!file.pts.empty()) tensors.push_back({"pts", as_tensor(file.pts, {tokens})});
  const auto segments = static_cast<std::int64_t>(file.segments.size() / 2);
  tensors.push_back({"segments", as_tensor(file.segments, {segments, 2})});
  tensors.push_back({"assignment", as_tensor(file.assignment, {file.frames, file.positions})});

  Metadata metadata = file.metadata;
  put_message_header(metadata, message_kind::tokens);
  metadata["source"] = file.source.id;
  put_source(metadata, file.source, "");
  write_safetensors(path, tensors, metadata);
}

TokenFile read_token_file(const std::filesystem::path& path) {
  const SafetensorsFile mapped(path);
  const SafetensorsView& blob = mapped.contents();
  check_message_header(blob, message_kind::tokens);
  const MetadataReader fields(blob);
  TokenFile file;
  file.source = get_source(fields, fields.text("source"), "");
  file.metadata = blob.metadata();
  file.features = kernels::Tensor(require_features(blob, "features", {-1, -1}));
  const std::int64_t tokens = file.features.size(0);
  for_each_token_column(file, [&](const char* name, auto& values) {
    using Value = typename std::decay_t<decltype(values)>::value_type;
    values = to_vector<Value>(require_tensor(blob, name, kernels::DTypeOf<Value>::value, {tokens}));
  });
  if (blob.contains("pts"))
    file.pts = to_vector<double>(require_tensor(blob, "pts", kernels::DType::f64, {tokens}));
  file.segments =
      to_vector<std::int32_t>(require_tensor(blob, "segments", kernels::DType::i32, {-1, 2}));
  const TensorView assignment = require_tensor(blob, "assignment", kernels::DType::i32, {-1, -1});
  file.assignment = to_vector<std::int32_t>(assignment);
  file.frames = assignment.size(0);
  file.positions = assignment.size(1);
  validate(file, blob.where());
  return file;
}

}  // namespace sluice::stream

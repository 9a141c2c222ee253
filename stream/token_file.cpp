#include "stream/token_file.h"

#include <algorithm>
#include <cmath>

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

/// Calls visit(name, values, numbers per token) for every column that tokens of this space have.
/// `pts`, which may be absent, is not among them.
template <typename File, typename Visit>
void for_each_token_column(File& file, Visit&& visit) {
  visit("frame", file.frame, 1);
  visit("frame_last", file.frame_last, 1);
  visit("weight", file.weight, 1);
  visit("kind", file.kind, 1);
  if (file.space == TokenSpace::grid) {
    visit("position", file.position, 1);
  } else {
    visit("xyz", file.xyz, 3);
    visit("key", file.key, 1);
    visit("views", file.views, 1);
    visit("score", file.score, 1);
    visit("reason", file.reason, 1);
  }
}

Shape column_shape(std::int64_t tokens, int per_token) {
  return per_token == 1 ? Shape{tokens} : Shape{tokens, per_token};
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

/// Columns that tokens of the other space have.
void check_absent_columns(const TokenFile& file, std::string_view where) {
  const auto absent = [where](std::string_view name, bool empty, std::string_view whose) {
    if (!empty) throw input_error(where, concat(name, " is given"), concat("it for ", whose));
  };
  if (file.space == TokenSpace::world) {
    absent("position", file.position.empty(), "tokens of a grid only");
    absent("segments", file.segments.empty(), "tokens of a grid only");
    return;
  }
  absent("xyz", file.xyz.empty(), "voxel tokens only");
  absent("key", file.key.empty(), "voxel tokens only");
  absent("views", file.views.empty(), "voxel tokens only");
  absent("score", file.score.empty(), "voxel tokens only");
  absent("reason", file.reason.empty(), "voxel tokens only");
  absent("frame_first", file.frame_first.empty(), "voxel tokens only");
}

void check_sizes(const TokenFile& file, std::string_view where) {
  const auto check = [where](std::string_view name, std::size_t actual, std::int64_t expected) {
    if (actual != static_cast<std::size_t>(expected))
      throw input_error(where, concat(name, " has ", actual, " entries"), concat(expected));
  };
  const std::int64_t tokens = file.features.size(0);
  for_each_token_column(file, [&](std::string_view name, const auto& values, int per_token) {
    check(name, values.size(), tokens * per_token);
  });
  if (!file.pts.empty()) check("pts", file.pts.size(), tokens);
  if (file.frames < 0 || file.positions < 0 || file.segments.size() % 2 != 0)
    throw input_error(where, "impossible sizes", "F and S of 0 or more, segments [m,2]");
  if (file.frame_first.empty()) {
    check("assignment", file.assignment.size(), Shape{file.frames, file.positions}.element_count());
    return;
  }
  check("frame_first", file.frame_first.size(), file.frames + 1);
  if (file.positions != 0)
    throw input_error(where, concat(file.positions, " positions with frame_first"),
                      "one or the other: positions say that all frames have the same size");
  if (file.frame_first.front() != 0 ||
      file.frame_first.back() != static_cast<std::int64_t>(file.assignment.size()) ||
      !std::is_sorted(file.frame_first.begin(), file.frame_first.end()))
    throw input_error(where, "impossible frame_first",
                      concat("0, then never less, up to ", file.assignment.size()));
}

void check_places(const TokenFile& file, std::string_view where) {
  for (std::size_t i = 0; i < file.xyz.size(); ++i)
    if (!std::isfinite(file.xyz[i]))
      throw input_error(where, concat("xyz of row ", i / 3, " is impossible"), "finite metres");
  for (std::size_t i = 0; i < file.key.size(); ++i) {
    if (file.key[i] < 0 || (i > 0 && file.key[i] <= file.key[i - 1]))
      throw input_error(where, concat("key of row ", i, " is impossible"),
                        "0 or more, and above the one before");
    if (file.views[i] < 1)
      throw input_error(where, concat("views of row ", i, " is impossible"), "at least 1");
  }
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
    if (file.weight[i] < 1) fail("weight", i, "at least 1");
  }
  for (std::size_t i = 0; i < file.position.size(); ++i)
    if (file.position[i] < 0 || file.position[i] >= file.positions)
      fail("position", i, concat("0 ≤ position < ", file.positions));
  for (std::size_t i = 0; i + 1 < file.segments.size(); i += 2)
    if (file.segments[i] < 0 || file.segments[i] > file.segments[i + 1] ||
        file.segments[i + 1] >= file.frames)
      fail("segments", i / 2, concat("0 ≤ first ≤ last < ", file.frames));
  for (std::size_t i = 0; i < file.assignment.size(); ++i)
    if (file.assignment[i] >= tokens)
      fail("assignment", i, concat("a row below ", tokens, ", or a negative reason"));
  check_places(file, where);
}

void validate(const TokenFile& file, std::string_view where) {
  validate(file.source, where);
  check_features(file, where);
  check_absent_columns(file, where);
  check_sizes(file, where);
  check_values(file, where);
}

void put_assignment(const TokenFile& file, std::vector<NamedTensor>& tensors) {
  if (file.frame_first.empty()) {
    tensors.push_back({"assignment", as_tensor(file.assignment, {file.frames, file.positions})});
    return;
  }
  const auto inputs = static_cast<std::int64_t>(file.assignment.size());
  tensors.push_back({"assignment", as_tensor(file.assignment, {inputs})});
  tensors.push_back({"frame_first", as_tensor(file.frame_first, {file.frames + 1})});
}

void get_assignment(const SafetensorsView& blob, TokenFile& file) {
  if (file.space == TokenSpace::world && blob.contains("frame_first")) {
    file.assignment =
        to_vector<std::int32_t>(require_tensor(blob, "assignment", kernels::DType::i32, {-1}));
    file.frame_first =
        to_vector<std::int64_t>(require_tensor(blob, "frame_first", kernels::DType::i64, {-1}));
    if (file.frame_first.empty())
      throw input_error(tensor_place(blob, "frame_first"), "is empty", "at least one entry");
    file.frames = static_cast<std::int64_t>(file.frame_first.size()) - 1;
    return;
  }
  const TensorView assignment = require_tensor(blob, "assignment", kernels::DType::i32, {-1, -1});
  file.assignment = to_vector<std::int32_t>(assignment);
  file.frames = assignment.size(0);
  file.positions = assignment.size(1);
}

template <typename T>
std::vector<T> get_column(const SafetensorsView& blob, std::string_view name, std::int64_t tokens,
                          int per_token) {
  const auto dtype = kernels::DTypeOf<T>::value;
  return to_vector<T>(per_token == 1 ? require_tensor(blob, name, dtype, {tokens})
                                     : require_tensor(blob, name, dtype, {tokens, per_token}));
}

}  // namespace

void write_token_file(const std::filesystem::path& path, const TokenFile& file) {
  validate(file, path.string());
  const std::int64_t tokens = file.features.size(0);
  std::vector<NamedTensor> tensors;
  tensors.push_back({"features", file.features.view()});
  for_each_token_column(file, [&](const char* name, const auto& values, int per_token) {
    tensors.push_back({name, as_tensor(values, column_shape(tokens, per_token))});
  });
  if (!file.pts.empty()) tensors.push_back({"pts", as_tensor(file.pts, {tokens})});
  put_assignment(file, tensors);

  Metadata metadata = file.metadata;
  put_message_header(metadata, message_kind::tokens);
  if (file.space == TokenSpace::world) {
    put_required(metadata, message_feature::spatial);
  } else {
    const auto segments = static_cast<std::int64_t>(file.segments.size() / 2);
    tensors.push_back({"segments", as_tensor(file.segments, {segments, 2})});
  }
  metadata["source"] = file.source.id;
  put_source(metadata, file.source, "");
  write_safetensors(path, tensors, metadata);
}

TokenFile read_token_file(const std::filesystem::path& path) {
  const SafetensorsFile mapped(path);
  const SafetensorsView& blob = mapped.contents();
  check_message_header(blob, message_kind::tokens, {message_feature::spatial});
  const MetadataReader fields(blob);
  TokenFile file;
  if (is_required(blob, message_feature::spatial)) file.space = TokenSpace::world;
  file.source = get_source(fields, fields.text("source"), "");
  file.metadata = blob.metadata();
  file.features = kernels::Tensor(require_features(blob, "features", {-1, -1}));
  const std::int64_t tokens = file.features.size(0);
  for_each_token_column(file, [&](const char* name, auto& values, int per_token) {
    using Value = typename std::decay_t<decltype(values)>::value_type;
    values = get_column<Value>(blob, name, tokens, per_token);
  });
  if (blob.contains("pts")) file.pts = get_column<double>(blob, "pts", tokens, 1);
  if (file.space == TokenSpace::grid)
    file.segments =
        to_vector<std::int32_t>(require_tensor(blob, "segments", kernels::DType::i32, {-1, 2}));
  get_assignment(blob, file);
  validate(file, blob.where());
  return file;
}

}  // namespace sluice::stream

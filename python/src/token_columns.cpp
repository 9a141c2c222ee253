#include "python/src/token_columns.h"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include "kernels/error.h"
#include "python/src/fields.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using stream::Source;
using stream::TokenBatch;

template <std::size_t n>
std::array<double, n> numbers(nb::handle values, const char* name) {
  std::array<double, n> result{};
  const nb::object sequence = nb::steal(PySequence_Fast(values.ptr(), "not a sequence"));
  if (!sequence.is_valid()) PyErr_Clear();
  if (!sequence.is_valid() || nb::len(sequence) != n)
    throw input_error(name, concat("is ", nb::repr(values).c_str()), concat(n, " numbers"));
  for (std::size_t i = 0; i < n; ++i) result[i] = value_of<double>(sequence[i], name);
  return result;
}

/// The elements of a column, converted to its type.
template <typename T>
void read(const TensorArgument& argument, std::vector<T>& column) {
  const auto& view = argument.view();
  if (view.dtype() == kernels::DTypeOf<T>::value) {
    const auto values = view.as<T>();
    column.assign(values.begin(), values.end());
  } else if constexpr (std::is_same_v<T, float>) {
    column = argument.floats();
  } else if constexpr (std::is_same_v<T, double>) {
    column = argument.doubles();
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    if (view.dtype() != kernels::DType::boolean)
      throw input_error(argument.name(), concat("has type ", kernels::name(view.dtype())), "u8");
    const auto values = view.as<bool>();
    column.assign(values.begin(), values.end());
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    column = argument.small_integers();
  } else {
    column = argument.integers();
  }
}

void refuse_unknown(const nb::dict& columns, const TokenBatch& batch) {
  for (const auto& [key, value] : columns) {
    const auto name = nb::cast<std::string>(key);
    bool known = name == "features";
    for_each_column(batch,
                    [&](const char* column, const auto&, int) { known = known || name == column; });
    if (!known) throw input_error("tokens", concat("column '", name, "'"), "one of sluice.Tokens");
  }
}

}  // namespace

nb::dict columns_of(TokenBatch&& tokens) {
  const nb::capsule owner = keep(std::move(tokens));
  const auto& batch = *static_cast<const TokenBatch*>(owner.data());
  nb::dict columns;
  columns["features"] = tensor_of(batch.features.view(), owner);
  for_each_column(batch, [&](const char* name, const auto& column, int per_token) {
    using T = typename std::remove_cvref_t<decltype(column)>::value_type;
    if (column.empty() && batch.size() > 0) return;
    const auto n = std::ssize(column);
    const kernels::Shape shape =
        per_token == 1 ? kernels::Shape{n} : kernels::Shape{n / per_token, per_token};
    columns[name] = tensor_of({column.data(), kernels::DTypeOf<T>::value, shape}, owner);
  });
  return columns;
}

nb::dict source_fields(const Source& source) {
  nb::dict fields;
  fields["id"] = source.id;
  fields["grid"] = nb::make_tuple(source.grid_rows, source.grid_cols);
  fields["image_size"] = nb::make_tuple(source.image_width, source.image_height);
  fields["feature_width"] = source.feature_width;
  fields["intrinsics"] = nb::none();
  fields["pose"] = nb::none();
  if (source.intrinsics) {
    const auto& camera = *source.intrinsics;
    fields["intrinsics"] = nb::make_tuple(camera.fx, camera.fy, camera.cx, camera.cy);
  }
  if (source.pose) {
    nb::list pose;
    for (const double value : *source.pose) pose.append(value);
    fields["pose"] = nb::tuple(pose);
  }
  return fields;
}

Source source_from(nb::handle object) {
  Source source;
  source.id = field<std::string>(object, "id");
  const auto pair = [&](const char* name, std::int32_t& first, std::int32_t& second) {
    const auto values = numbers<2>(object.attr(name), name);
    for (const double value : values)
      if (!(value >= 0 && value < 0x1p31 && value == static_cast<double>(static_cast<int>(value))))
        throw input_error(name, concat(value), "two whole numbers below 2^31");
    first = static_cast<std::int32_t>(values[0]);
    second = static_cast<std::int32_t>(values[1]);
  };
  pair("grid", source.grid_rows, source.grid_cols);
  pair("image_size", source.image_width, source.image_height);
  source.feature_width = field<std::int32_t>(object, "feature_width");
  if (const nb::object camera = object.attr("intrinsics"); !camera.is_none()) {
    const auto values = numbers<4>(camera, "intrinsics");
    source.intrinsics = {values[0], values[1], values[2], values[3]};
  }
  if (const nb::object pose = object.attr("pose"); !pose.is_none())
    source.pose = numbers<16>(pose, "pose");
  return source;
}

TensorArgument read_columns(const nb::dict& columns, nb::handle source, TokenBatch& batch) {
  batch.source = source_from(source);
  refuse_unknown(columns, batch);
  TensorArgument features(columns["features"], "features");
  features.require_shape({-1, -1}, "[tokens, width]");
  if (!kernels::is_feature_type(features.view().dtype()))
    throw input_error("features", concat("has type ", kernels::name(features.view().dtype())),
                      "f32, f16 or bf16");
  const std::int64_t rows = features.view().size(0);
  batch.source.feature_width = static_cast<std::int32_t>(features.view().size(1));
  for_each_column(batch, [&](const char* name, auto& column, int per_token) {
    column.clear();
    if (!columns.contains(name)) return;
    const TensorArgument argument(columns[name], name);
    if (!argument.given()) return;
    if (per_token == 1)
      argument.require_shape({rows}, "[tokens]");
    else
      argument.require_shape({rows, per_token}, "[tokens, 3]");
    read(argument, column);
  });
  return features;
}

}  // namespace sluice::python

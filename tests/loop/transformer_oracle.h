// The model's forward pass once more: naive, in double, with a mask instead of shortcuts. Only the
// weights are the model's own.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "apps/model/tiny_transformer.h"

namespace sluice::test {

using Matrix = std::vector<std::vector<double>>;

struct OracleAnswer {
  Matrix action;                      // [H][A]
  Matrix semantic, action_attention;  // [source][token]
};

inline Matrix unpacked(const model::PackedMatrix& packed) {
  Matrix matrix(static_cast<std::size_t>(packed.rows()));
  for (std::int64_t r = 0; r < packed.rows(); ++r)
    for (std::int64_t c = 0; c < packed.columns(); ++c)
      matrix[static_cast<std::size_t>(r)].push_back(static_cast<double>(packed.at(r, c)));
  return matrix;
}

inline std::vector<double> times(const std::vector<double>& row, const Matrix& matrix) {
  std::vector<double> product(matrix.at(0).size());
  for (std::size_t d = 0; d < row.size(); ++d)
    for (std::size_t j = 0; j < product.size(); ++j) product[j] += row[d] * matrix[d][j];
  return product;
}

inline std::vector<double> normalised(std::vector<double> row, double epsilon) {
  double squares = 0;
  for (const double value : row) squares += value * value;
  const double mean = squares / static_cast<double>(row.size());
  for (double& value : row) value = mean + epsilon == 0 ? 0 : value / std::sqrt(mean + epsilon);
  return row;
}

inline double feature(const kernels::Tensor& features, std::size_t index) {
  float value = 0;
  if (features.dtype() == kernels::DType::f32) value = features.as<float>()[index];
  if (features.dtype() == kernels::DType::f16)
    value = kernels::to_float(features.as<kernels::Half>()[index]);
  if (features.dtype() == kernels::DType::bf16)
    value = kernels::to_float(features.as<kernels::Bfloat16>()[index]);
  return std::isfinite(value) ? static_cast<double>(value) : 0;
}

inline bool is_token(const stream::TokenBatch& batch, std::size_t i) {
  return batch.valid.empty() || batch.valid[i] == 1;
}

/// Token i of a batch, as docs/model.md describes its embedding.
inline std::vector<double> embedded(model::TinyTransformer& model, const stream::TokenBatch& batch,
                                    std::size_t i, double newest) {
  const auto width = static_cast<std::size_t>(batch.features.size(1));
  const auto& weights = model.embedding().weights(batch.source.id, batch.features.size(1));
  std::vector<double> row;
  for (std::size_t d = 0; d < width; ++d) row.push_back(feature(batch.features, i * width + d));
  row = times(normalised(row, 0), unpacked(weights.projection));

  std::vector<double> place{0, 0, 0, 0};
  if (!batch.xyz.empty())
    for (std::size_t axis = 0; axis < 3; ++axis)
      place[axis] = static_cast<double>(batch.xyz[3 * i + axis]) / 0.1;
  else if (!batch.position.empty())
    place = {static_cast<double>(batch.position[i] / batch.source.grid_cols),
             static_cast<double>(batch.position[i] % batch.source.grid_cols), 0, 0};
  if (!batch.pts.empty())
    place[3] = (newest - (batch.pts_last.empty() ? batch.pts : batch.pts_last)[i]) / 0.1;
  const std::size_t waves = row.size() / 8;
  for (std::size_t j = 0; j < row.size(); ++j) {
    const std::size_t axis = j / (2 * waves), wave = j / 2 % waves;
    const double exponent = static_cast<double>(wave) / static_cast<double>(waves);
    const double angle = place[axis] * std::pow(10000, -exponent);
    row[j] += static_cast<double>(weights.embedding[j]) +
              (j % 2 == 0 ? std::sin(angle) : std::cos(angle));
  }
  return row;
}

/// Attention [n][n] of one head over rows of [queries | keys | values]; adds to `out` from
/// `offset`.
inline Matrix attention_of_head(const Matrix& qkv, std::size_t width, std::size_t offset,
                                std::size_t size, Matrix& out) {
  const std::size_t n = qkv.size();
  Matrix attention(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      double score = j > i ? -std::numeric_limits<double>::infinity() : 0;
      for (std::size_t d = offset; d < offset + size; ++d)
        score += qkv[i][d] * qkv[j][width + d] / std::sqrt(static_cast<double>(size));
      sum += attention[i][j] = std::exp(score);
    }
    for (std::size_t j = 0; j < n; ++j) {
      attention[i][j] /= sum;
      for (std::size_t d = offset; d < offset + size; ++d)
        out[i][d] += attention[i][j] * qkv[j][2 * width + d];
    }
  }
  return attention;
}

/// Mean over rows [first, end) of the mean over heads, for all columns.
inline std::vector<double> mean_of_rows(const std::vector<Matrix>& heads, std::size_t first,
                                        std::size_t end) {
  std::vector<double> mean(heads[0].size());
  for (const Matrix& head : heads)
    for (std::size_t i = first; i < end; ++i)
      for (std::size_t j = 0; j < mean.size(); ++j)
        mean[j] += head[i][j] / static_cast<double>(heads.size() * (end - first));
  return mean;
}

inline std::vector<Matrix> add_attention(const model::LayerWeights& weights, std::size_t heads,
                                         Matrix& hidden) {
  const std::size_t width = hidden[0].size();
  Matrix qkv, out(hidden.size(), std::vector<double>(width));
  const Matrix qkv_weights = unpacked(weights.qkv), out_weights = unpacked(weights.out);
  for (const auto& row : hidden) qkv.push_back(times(normalised(row, 1e-6), qkv_weights));
  std::vector<Matrix> attention;
  for (std::size_t head = 0; head < heads; ++head)
    attention.push_back(attention_of_head(qkv, width, head * width / heads, width / heads, out));
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const auto added = times(out[i], out_weights);
    for (std::size_t d = 0; d < width; ++d) hidden[i][d] += added[d];
  }
  return attention;
}

inline void add_feed_forward(const model::LayerWeights& weights, Matrix& hidden) {
  const Matrix gate_up = unpacked(weights.gate_up), down = unpacked(weights.down);
  for (auto& row : hidden) {
    const auto wide = times(normalised(row, 1e-6), gate_up);
    std::vector<double> inner(wide.size() / 2);
    for (std::size_t i = 0; i < inner.size(); ++i)
      inner[i] = wide[i] / (1 + std::exp(-wide[i])) * wide[inner.size() + i];
    const auto added = times(inner, down);
    for (std::size_t d = 0; d < row.size(); ++d) row[d] += added[d];
  }
}

/// Sequence positions of the tokens of a packet, -1 for padding: [source][token].
inline std::vector<std::vector<std::int64_t>> sequence_of(const stream::Packet& packet) {
  std::vector<std::vector<std::int64_t>> places;
  std::int64_t next = 0;
  for (const auto& batch : packet.batches) {
    places.emplace_back();
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch.size()); ++i)
      places.back().push_back(is_token(batch, i) ? next++ : -1);
  }
  return places;
}

inline OracleAnswer oracle(model::TinyTransformer& model, const stream::Packet& packet) {
  const model::TransformerOptions& options = model.options();
  const auto width = static_cast<std::size_t>(options.width);
  double newest = -std::numeric_limits<double>::infinity();
  for (const auto& batch : packet.batches)
    for (std::size_t i = 0; i < batch.pts.size(); ++i)
      if (is_token(batch, i))
        newest = std::max(newest, (batch.pts_last.empty() ? batch.pts : batch.pts_last)[i]);

  Matrix hidden;
  for (const auto& batch : packet.batches)
    for (std::size_t i = 0; i < static_cast<std::size_t>(batch.size()); ++i)
      if (is_token(batch, i)) hidden.push_back(embedded(model, batch, i, newest));
  const std::size_t visual = hidden.size();
  for (const auto rows : {model.instruction(), model.queries()})
    for (std::size_t first = 0; first < rows.size(); first += width)
      hidden.emplace_back(rows.begin() + static_cast<std::ptrdiff_t>(first),
                          rows.begin() + static_cast<std::ptrdiff_t>(first + width));
  const std::size_t prefill = visual + static_cast<std::size_t>(options.instruction_tokens);

  std::vector<double> semantic, action;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    const model::LayerWeights& weights = model.layers()[static_cast<std::size_t>(layer)];
    const auto heads = add_attention(weights, static_cast<std::size_t>(options.heads), hidden);
    add_feed_forward(weights, hidden);
    if (layer == (options.layers - 1) / 2)
      semantic = options.semantic_rows == model::SemanticRows::all
                     ? mean_of_rows(heads, 0, prefill)
                     : mean_of_rows(heads, prefill - 1, prefill);
    if (layer == options.layers * 3 / 4) action = mean_of_rows(heads, prefill, hidden.size());
  }

  OracleAnswer answer;
  const Matrix head = unpacked(model.head().weights());
  for (std::size_t i = prefill; i < hidden.size(); ++i) {
    answer.action.push_back(times(normalised(hidden[i], 1e-6), head));
    for (double& number : answer.action.back()) number = std::tanh(number);
  }
  for (const auto& places : sequence_of(packet)) {
    answer.semantic.emplace_back();
    answer.action_attention.emplace_back();
    for (const std::int64_t place : places) {
      const auto j = static_cast<std::size_t>(place);
      answer.semantic.back().push_back(place < 0 ? 0 : semantic[j]);
      answer.action_attention.back().push_back(place < 0 ? 0 : action[j]);
    }
  }
  return answer;
}

}  // namespace sluice::test

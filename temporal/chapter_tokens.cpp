#include "temporal/chapter_tokens.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <tuple>
#include <utility>

#include "kernels/cpu/row_kernels.h"
#include "temporal/token_rows.h"

namespace sluice::temporal {
namespace {

using kernels::DType;
using kernels::cpu::RowKernels;
using stream::TokenBatch;
using Rows = std::vector<std::int32_t>;

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

std::byte* row_of(TokenBatch& batch, std::int64_t row) {
  const std::size_t bytes = at(batch.features.size(1)) * kernels::item_size(batch.features.dtype());
  return static_cast<std::byte*>(batch.features.data()) + at(row) * bytes;
}

std::int32_t heaviest_of(const ChapterTokens& tokens, const Rows& rows) {
  return *std::min_element(rows.begin(), rows.end(), [&](std::int32_t a, std::int32_t b) {
    const HeaviestMember &x = tokens.heaviest[at(a)], &y = tokens.heaviest[at(b)];
    return std::tuple(-x.weight, x.arrival) < std::tuple(-y.weight, y.arrival);
  });
}

/// Means by weight over [n,width] f32 of the rows, in their order.
void write_mean(std::span<const float> values, std::int64_t width,
                std::span<const std::int64_t> weight, const Rows& rows, std::vector<double>& sum,
                float* mean) {
  if (rows.size() == 1) {
    std::copy_n(values.data() + rows.front() * width, width, mean);
    return;
  }
  sum.assign(at(width), 0.0);
  double total = 0;
  for (const std::int32_t row : rows) {
    const auto factor = static_cast<double>(weight[at(row)]);
    const float* value = values.data() + row * width;
    for (std::int64_t d = 0; d < width; ++d) sum[at(d)] += factor * static_cast<double>(value[d]);
    total += factor;
  }
  for (std::int64_t d = 0; d < width; ++d) mean[d] = static_cast<float>(sum[at(d)] / total);
}

/// The better score; any is better than NaN.
float better(float a, float b) {
  return b > a || std::isnan(a) ? b : a;
}

/// Weight, span and score of all members, whose representative's they are so far.
void account_for(const TokenBatch& from, const Rows& members, std::size_t row, TokenBatch& to) {
  to.weight[row] = 0;
  for (const std::int32_t i : members) {
    const std::size_t member = at(i);
    to.weight[row] += from.weight[member];
    to.frame[row] = std::min(to.frame[row], from.frame[member]);
    to.frame_last[row] = std::max(to.frame_last[row], from.frame_last[member]);
    to.pts[row] = std::min(to.pts[row], from.pts[member]);
    to.pts_last[row] = std::max(to.pts_last[row], from.pts_last[member]);
    if (!to.score.empty()) to.score[row] = better(to.score[row], from.score[member]);
  }
}

Rows order_as_is(const TokenBatch& batch) {
  Rows order(batch.frame.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// Rows by first frame, then position, then as they are.
Rows order_of_time(const TokenBatch& batch) {
  Rows order = order_as_is(batch);
  const auto place = [&](std::int32_t i) {
    return std::tuple(batch.frame[at(i)], batch.position.empty() ? 0 : batch.position[at(i)]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return place(a) < place(b); });
  return order;
}

/// What becomes one token.
struct Cluster {
  Rows members;
  Rows speakers;  // members that have a say in what it is like
  std::int32_t representative = 0;
};

/// Speakers are the members that are `sound`, or the first one where none is.
std::vector<Cluster> clusters_of(const ChapterTokens& from, std::int64_t first_row,
                                 std::span<const std::int32_t> cluster, std::int64_t count,
                                 std::span<const std::uint8_t> sound) {
  std::vector<Cluster> clusters(at(count));
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    Cluster& joined = clusters[at(cluster[i])];
    const auto row = static_cast<std::int32_t>(first_row + static_cast<std::int64_t>(i));
    joined.members.push_back(row);
    if (sound.empty() || sound[i] != 0) joined.speakers.push_back(row);
  }
  for (Cluster& joined : clusters) {
    if (joined.speakers.empty()) joined.speakers.push_back(joined.members.front());
    joined.representative = heaviest_of(from, joined.speakers);
  }
  return clusters;
}

}  // namespace

ChapterTokens put_together(const RowKernels& kernels,
                           std::span<const ChapterTokens* const> chapters) {
  ChapterTokens all;
  std::int64_t rows = 0;
  for (const ChapterTokens* chapter : chapters) rows += chapter->size();
  const std::int64_t width = chapters.front()->batch.features.size(1);
  all.batch.features.reshape(DType::f32, {rows, width});
  float* next = all.batch.features.as<float>().data();
  for (const ChapterTokens* chapter : chapters) {
    const kernels::TensorView features = chapter->batch.features;
    kernels.load(next, features.data(), features.dtype(), features.size(0) * width);
    next += features.size(0) * width;
    append_columns(chapter->batch, all.batch);
    all.heaviest.insert(all.heaviest.end(), chapter->heaviest.begin(), chapter->heaviest.end());
  }
  return all;
}

ChapterTokens merge_clusters(const ChapterTokens& from, std::int64_t first_row,
                             std::span<const std::int32_t> cluster, std::int64_t count,
                             MergedOrder order, std::span<const std::uint8_t> sound) {
  const std::vector<Cluster> clusters = clusters_of(from, first_row, cluster, count, sound);
  ChapterTokens unordered, result;
  Rows representatives;
  for (const Cluster& joined : clusters) representatives.push_back(joined.representative);
  append_columns(from.batch, std::span<const std::int32_t>(representatives), unordered.batch);
  for (std::size_t c = 0; c < clusters.size(); ++c)
    account_for(from.batch, clusters[c].members, c, unordered.batch);
  const Rows rows =
      order == MergedOrder::time ? order_of_time(unordered.batch) : order_as_is(unordered.batch);
  append_columns(unordered.batch, std::span(rows), result.batch);

  const std::int64_t width = from.batch.features.size(1);
  result.batch.features.reshape(DType::f32, {count, width});
  const auto features = from.batch.features.as<float>();
  float* mean = result.batch.features.as<float>().data();
  float* place = result.batch.xyz.data();
  std::vector<double> sum;
  for (const std::int32_t c : rows) {
    const Cluster& joined = clusters[at(c)];
    result.heaviest.push_back(from.heaviest[at(joined.representative)]);
    write_mean(features, width, from.batch.weight, joined.speakers, sum, mean);
    mean += width;
    if (from.batch.xyz.empty()) continue;
    write_mean(from.batch.xyz, 3, from.batch.weight, joined.speakers, sum, place);
    place += 3;
  }
  return result;
}

void put_in_order(ChapterTokens& tokens) {
  const Rows order = order_of_time(tokens.batch);
  if (std::is_sorted(order.begin(), order.end())) return;
  ChapterTokens ordered;
  const kernels::TensorView features = tokens.batch.features;
  ordered.batch.features.reshape(DType::f32, features.shape());
  append_columns(tokens.batch, std::span(order), ordered.batch);
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::memcpy(row_of(ordered.batch, static_cast<std::int64_t>(i)), features.row(order[i]),
                at(features.size(1)) * sizeof(float));
    ordered.heaviest.push_back(tokens.heaviest[at(order[i])]);
  }
  tokens = std::move(ordered);
}

std::vector<kernels::Tensor> pack_features(std::span<const ChapterTokens* const> chapters,
                                           const std::shared_ptr<kernels::Tensor>& memory) {
  std::vector<kernels::Tensor> features;
  if (chapters.empty()) return features;
  std::int64_t rows = 0;
  for (const ChapterTokens* chapter : chapters) rows += chapter->size();
  const std::int64_t width = chapters.front()->batch.features.size(1);
  memory->reshape(DType::f32, {rows, width});
  float* next = memory->as<float>().data();
  for (const ChapterTokens* chapter : chapters) {
    const kernels::TensorView view = chapter->batch.features;
    std::memcpy(next, view.data(), view.byte_size());
    features.push_back(
        kernels::Tensor::borrow(kernels::TensorView(next, DType::f32, view.shape()), memory));
    next += view.shape().element_count();
  }
  return features;
}

void append_tokens(const RowKernels& kernels, const TokenBatch& tokens, std::int64_t row,
                   TokenBatch& output) {
  const kernels::TensorView features = tokens.features;
  if (features.dtype() == output.features.dtype())
    std::memcpy(row_of(output, row), features.data(), features.byte_size());
  else
    kernels.store(row_of(output, row), features.as<float>().data(), output.features.dtype(),
                  features.size(0) * features.size(1));
  append_columns(tokens, output);
}

}  // namespace sluice::temporal

#include "policy/segment_memory.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "kernels/top_k.h"
#include "policy/row_layout.h"
#include "stream/fixed_shape.h"

namespace sluice::policy {
namespace {

constexpr const char* where = "segment memory";

void check(const stream::TokenBatch& segment) {
  validate(segment, where);
  const auto rows = static_cast<std::size_t>(segment.size());
  if (segment.frame.size() != rows || segment.position.size() != rows)
    throw input_error(where, "tokens without frame or position", "merged tokens of a grid");
  if (has_mask(segment)) throw input_error(where, "rows of a fixed shape", "tokens only");
}

/// Rows of a segment that are offered, ascending.
struct Offered {
  const stream::TokenBatch* segment;
  std::vector<std::int32_t> rows;
};

std::vector<std::int32_t> best_rows(const stream::TokenBatch& segment, std::int64_t most) {
  std::vector<std::int32_t> rows;
  if (most >= segment.size() || segment.score.empty()) {
    rows.resize(static_cast<std::size_t>(std::min(most, segment.size())));
    std::iota(rows.begin(), rows.end(), 0);
  } else {
    kernels::top_k(std::span(segment.score), most, rows);
  }
  return rows;
}

/// Calls visit(to's column, from's column, numbers per token) for every column.
template <typename Visit>
void for_each_column_pair(stream::TokenBatch& to, const stream::TokenBatch& from, Visit&& visit) {
  stream::for_each_column(to, [&](std::string_view name, auto& target, std::int64_t per_row) {
    stream::for_each_column(from, [&](std::string_view other, const auto& values, std::int64_t) {
      using Target = std::remove_cvref_t<decltype(target)>;
      if constexpr (std::is_same_v<Target, std::remove_cvref_t<decltype(values)>>)
        if (name == other) visit(target, values, per_row);
    });
  });
}

void append_rows(const Offered& offered, std::int64_t first, stream::TokenBatch& to) {
  const stream::TokenBatch& from = *offered.segment;
  const kernels::TensorView features = from.features.view();
  const std::size_t bytes =
      static_cast<std::size_t>(features.size(1)) * kernels::item_size(features.dtype());
  auto* target =
      static_cast<std::byte*>(to.features.data()) + static_cast<std::size_t>(first) * bytes;
  for (const std::int32_t row : offered.rows) {
    if (bytes > 0) std::memcpy(target, features.row(row), bytes);
    target += bytes;
  }
  for_each_column_pair(to, from, [&](auto& column, const auto& values, std::int64_t per_row) {
    if (values.empty()) return;
    for (const std::int32_t row : offered.rows) {
      const auto begin = values.begin() + row * per_row;
      column.insert(column.end(), begin, begin + per_row);
    }
  });
}

}  // namespace

SegmentMemory::SegmentMemory(const SegmentMemoryOptions& options) : options_(options) {
  stream::check_source_id(options.id, where);
  const auto at_least_one = [](std::string_view what, std::int64_t value) {
    if (value < 1) throw input_error(where, concat(what, ' ', value), "at least 1");
  };
  at_least_one("segments", options.segments);
  at_least_one("tokens", options.tokens);
  tokens_.source.id = options.id;
}

void SegmentMemory::add(const stream::TokenBatch& segment) {
  if (segment.size() == 0) return;
  check(segment);
  if (!segments_.empty() && layout_of(segments_.back()) != layout_of(segment)) segments_.clear();
  stream::TokenBatch copy;
  if (std::ssize(segments_) == options_.segments) {  // its memory serves again
    copy = std::move(segments_.front());
    segments_.pop_front();
  }
  stream::copy_tokens(segment, copy);
  segments_.push_back(std::move(copy));
  rebuild();
}

void SegmentMemory::rebuild() {
  std::vector<Offered> offered;
  std::int64_t left = options_.tokens;
  for (auto segment = segments_.rbegin(); segment != segments_.rend() && left > 0; ++segment) {
    offered.push_back({&*segment, best_rows(*segment, left)});
    left -= std::ssize(offered.back().rows);
  }
  std::reverse(offered.begin(), offered.end());

  const stream::TokenBatch& newest = segments_.back();
  tokens_.source = newest.source;
  tokens_.source.id = options_.id;
  tokens_.features.reshape(newest.features.dtype(),
                           {options_.tokens - left, newest.features.size(1)});
  stream::for_each_column(tokens_, [](const char*, auto& values, int) { values.clear(); });
  std::int64_t rows = 0;
  for (const Offered& segment : offered) {
    append_rows(segment, rows, tokens_);
    rows += std::ssize(segment.rows);
  }
  tokens_.key.resize(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < tokens_.key.size(); ++i)
    tokens_.key[i] =
        std::int64_t{tokens_.frame[i]} * tokens_.source.positions() + tokens_.position[i];
  tokens_.kind.assign(tokens_.key.size(), static_cast<std::uint8_t>(stream::TokenKind::memory));
}

void SegmentMemory::clear() {
  segments_.clear();
  if (tokens_.features.defined()) tokens_.features.truncate(0);
  stream::for_each_column(tokens_, [](const char*, auto& values, int) { values.clear(); });
}

}  // namespace sluice::policy

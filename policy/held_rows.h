// What was sent last of each token, so that a packet of fixed shape can hold it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/row_layout.h"
#include "stream/token_batch.h"

namespace sluice::policy {

/// Rows of one source, whole: features and columns as they were when they were sent. The keys sent
/// most recently are remembered, as many as fill a packet; so what fill() finds is what it would
/// find if nothing were ever forgotten. Allocates nothing after construction.
class HeldRows {
 public:
  /// For batches of `shape` rows, at most `width` wide.
  HeldRows(std::int64_t shape, std::int64_t width);

  /// The first `rows` rows of `batch` have left; of a key that is there twice, the last one counts.
  /// If they have another layout than what is remembered, that is forgotten: one batch can't hold
  /// both.
  void record(const stream::TokenBatch& batch, std::int64_t rows);
  /// Writes rows from `first` on: what was sent last of keys that the rows before don't have, most
  /// recently sent first, then by key, until there are no more rows or keys. Returns how many.
  /// Requires a batch that has all its columns in its full length.
  [[nodiscard]] std::int64_t fill(stream::TokenBatch& batch, std::int64_t first);
  void clear() noexcept;

 private:
  struct Row {
    std::int64_t key;
    std::size_t place;  ///< of its bytes
  };
  void sort_keys(const stream::TokenBatch& batch, std::int64_t rows);
  [[nodiscard]] bool is_among_keys(std::int64_t key) const noexcept;
  [[nodiscard]] std::byte* bytes_at(std::size_t place) noexcept {
    return bytes_.data() + place * most_bytes_;
  }

  std::size_t shape_;
  std::size_t most_bytes_;  ///< of a row
  RowLayout layout_;
  std::vector<Row> rows_;          ///< most recently sent first, then by key; at most shape_
  std::vector<std::size_t> free_;  ///< places without a row
  std::vector<std::byte> bytes_;   ///< [shape_, most_bytes_]
  std::vector<Row> keys_, next_;   ///< scratch; a key's `place` is its row in the batch
};

}  // namespace sluice::policy

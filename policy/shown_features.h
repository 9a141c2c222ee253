// What the model was last shown of every token, so that a tick can tell what has changed since.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::policy {

/// Per key, the features that were last sent or, until some are, those that were offered first.
/// Keys that a tick doesn't offer are forgotten. Allocates nothing after construction.
class ShownFeatures {
 public:
  /// For ticks of at most so many rows of at most this width; takes, and touches, memory for them.
  ShownFeatures(std::int64_t rows, std::int64_t width);

  /// change[i] = 1 − cos(row i, what was shown of keys[i]), in [0,1]; −1 where nothing was, where
  /// it had another type or width, or the row is not finite. Two zero rows are alike, a zero row
  /// and another are not. Equal on every instruction set and thread count. features [N,D] of a
  /// feature type; the others [N]. Cheapest with ascending keys.
  void compare(kernels::Resources& resources, const kernels::TensorView& features,
               std::span<const std::int64_t> keys, std::span<const std::uint8_t> finite,
               std::span<float> change);
  /// A tick offered these rows, of whatever type and width, and sent those of `sent`, ascending.
  /// Rows that are not finite show nothing. Of a key that several rows have, the first that was
  /// sent counts, else the first.
  void record(const kernels::Resources& resources, const kernels::TensorView& features,
              std::span<const std::int64_t> keys, std::span<const std::uint8_t> finite,
              std::span<const std::int32_t> sent);
  void clear() noexcept;

 private:
  struct Known {
    std::int64_t key;
    std::int32_t slot;  ///< row of `rows_`
    double square;      ///< its squared length
  };
  struct Offered {
    std::int64_t key;
    std::int32_t row;
    bool is_finite, was_sent;
  };

  [[nodiscard]] bool has_rows_like(const kernels::TensorView& features) const noexcept;
  void find(std::span<const std::int64_t> keys);
  void list_offered(std::span<const std::int64_t> keys, std::span<const std::uint8_t> finite,
                    std::span<const std::int32_t> sent);
  void forget_what_is_not_offered();
  [[nodiscard]] Known show(const kernels::Resources& resources, const kernels::TensorView& features,
                           const Offered& offered, std::int32_t slot);

  std::int64_t most_rows_;
  kernels::Tensor rows_;             ///< [most_rows, D] of the features' type, by slot
  std::vector<std::int32_t> free_;   ///< slots
  std::vector<Known> known_;         ///< ascending, unique keys
  std::vector<std::int32_t> found_;  ///< [N] index into `known_`, or −1
  std::vector<Offered> offered_;     ///< ascending, unique keys
  std::vector<Known> kept_;          ///< scratch
};

}  // namespace sluice::policy

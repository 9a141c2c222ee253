// One bit per position of a frame.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::kernels {

/// A fixed number of bits; the unused ones of the last word are zero.
class BitMask {
 public:
  BitMask() = default;
  explicit BitMask(std::int64_t bits, bool value = false) { assign(bits, value); }

  void assign(std::int64_t bits, bool value) {
    bits_ = bits;
    words_.assign((static_cast<std::size_t>(bits) + 63) / 64, value ? ~std::uint64_t{0} : 0);
    if (value && bits % 64 != 0) words_.back() = (std::uint64_t{1} << (bits % 64)) - 1;
  }
  /// Packs one byte per position, non-zero meaning set.
  void pack(std::span<const std::uint8_t> flags) {
    assign(static_cast<std::int64_t>(flags.size()), false);
    for (std::size_t bit = 0; bit < flags.size(); ++bit)
      words_[bit / 64] |= std::uint64_t{flags[bit] != 0} << (bit % 64);
  }

  [[nodiscard]] std::int64_t size() const noexcept { return bits_; }
  [[nodiscard]] bool operator[](std::int64_t bit) const noexcept {
    return ((words_[static_cast<std::size_t>(bit) / 64] >> (bit % 64)) & 1) != 0;
  }
  void set(std::int64_t bit) noexcept {
    words_[static_cast<std::size_t>(bit) / 64] |= std::uint64_t{1} << (bit % 64);
  }
  [[nodiscard]] std::int64_t count() const noexcept {
    std::int64_t total = 0;
    for (const auto word : words_) total += std::popcount(word);
    return total;
  }
  BitMask& operator&=(const BitMask& other) noexcept {
    for (std::size_t word = 0; word < words_.size(); ++word) words_[word] &= other.words_[word];
    return *this;
  }
  /// Calls `visit(position)` for every set bit, ascending.
  template <typename Visit>
  void for_each_set(Visit&& visit) const {
    for_each_in(
        words_, [](std::uint64_t word) { return word; }, visit);
  }
  /// Calls `visit(position)` for every clear bit, ascending.
  template <typename Visit>
  void for_each_clear(Visit&& visit) const {
    for_each_in(
        words_, [](std::uint64_t word) { return ~word; }, visit);
  }
  friend bool operator==(const BitMask&, const BitMask&) = default;

 private:
  template <typename Map, typename Visit>
  void for_each_in(const std::vector<std::uint64_t>& words, Map map, Visit& visit) const {
    for (std::size_t index = 0; index < words.size(); ++index) {
      std::uint64_t word = map(words[index]);
      while (word != 0) {
        const auto bit = static_cast<std::int64_t>(index) * 64 + std::countr_zero(word);
        if (bit >= bits_) return;
        visit(bit);
        word &= word - 1;
      }
    }
  }

  std::int64_t bits_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace sluice::kernels

// The loops of row_kernels.h, written with vector extensions. Included once per instruction set by
// row_kernels_<set>.cpp, which defines SLUICE_ROW_KERNELS (the table's name) and has switched the
// compiler to that set. Everything is in an unnamed namespace: a function shared between the copies
// would run with the wrong instructions.

#include <cstring>

namespace sluice::kernels::cpu {
namespace {

constexpr std::int64_t lanes = 16;
using Float16 = float __attribute__((vector_size(lanes * sizeof(float))));
using Int16 = std::uint32_t __attribute__((vector_size(lanes * sizeof(std::uint32_t))));
using Short16 = std::uint16_t __attribute__((vector_size(lanes * sizeof(std::uint16_t))));
using Double8 = double __attribute__((vector_size(8 * sizeof(double))));
using Double4 = double __attribute__((vector_size(4 * sizeof(double))));
using Float8 = float __attribute__((vector_size(8 * sizeof(float))));
using Float4 = float __attribute__((vector_size(4 * sizeof(float))));

#define SLUICE_INLINE inline __attribute__((always_inline))

template <typename Vector>
SLUICE_INLINE Vector read(const void* memory) {
  Vector vector;
  std::memcpy(&vector, memory, sizeof vector);
  return vector;
}

SLUICE_INLINE Float16 widen(Bfloat16, const void* memory) {
  return reinterpret_cast<Float16>(__builtin_convertvector(read<Short16>(memory), Int16) << 16);
}

SLUICE_INLINE Float16 widen(Half, const void* memory) {
#if defined(__AVX512F__)
  return reinterpret_cast<Float16>(_mm512_cvtph_ps(read<__m256i>(memory)));
#else
  const Int16 bits = __builtin_convertvector(read<Short16>(memory), Int16);
  const Int16 sign = (bits & 0x8000u) << 16;
  const Int16 magnitude = (bits & 0x7fffu) << 13;
  // Multiplying by 2^112 rebiases normal and subnormal numbers alike, exactly.
  const Float16 scaled = reinterpret_cast<Float16>(magnitude) * 0x1p112f;
  const Int16 is_special = reinterpret_cast<Int16>(magnitude >= 0x0f800000u);  // inf or NaN
  const Int16 special = (magnitude | 0x7f800000u) & is_special;
  return reinterpret_cast<Float16>(sign | special |
                                   (reinterpret_cast<Int16>(scaled) & ~is_special));
#endif
}

SLUICE_INLINE Float16 widen(float, const void* memory) {
  return read<Float16>(memory);
}

SLUICE_INLINE float widen_one(Half value) {
  return to_float(value);
}
SLUICE_INLINE float widen_one(Bfloat16 value) {
  return to_float(value);
}
SLUICE_INLINE float widen_one(float value) {
  return value;
}

/// 16 elements from `index` on; past the end zeros, which change no sum.
template <typename T>
SLUICE_INLINE Float16 tail(const T* row, std::int64_t index, std::int64_t n) {
  alignas(64) float values[lanes] = {};
  for (std::int64_t lane = 0; index + lane < n && lane < lanes; ++lane)
    values[lane] = widen_one(row[index + lane]);
  return read<Float16>(values);
}

/// Calls body(index, load) with full vectors, then once more with the padded rest.
template <typename Step, typename Rest>
SLUICE_INLINE void for_each_pair(std::int64_t n, Step&& step, Rest&& rest) {
  std::int64_t index = 0;
  for (; index + 2 * lanes <= n; index += 2 * lanes) step(index);
  if (index < n) rest(index);
}

/// Adds the upper half of a vector to its lower half: lane l + n/2 to lane l.
template <typename Half, typename Vector>
SLUICE_INLINE Half fold(Vector vector) {
  Half low, high;
  std::memcpy(&low, &vector, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&vector) + sizeof low, sizeof high);
  return low + high;
}

SLUICE_INLINE float total(Float4 sums) {
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}
SLUICE_INLINE float total(Float8 sums) {
  return total(fold<Float4>(sums));
}
SLUICE_INLINE float total(Float16 sums) {
  return total(fold<Float8>(sums));
}
SLUICE_INLINE double total(Double4 sums) {
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}
SLUICE_INLINE double total(Double8 sums) {
  return total(fold<Double4>(sums));
}

SLUICE_INLINE float sum_lanes(Float16 low, Float16 high) {
  return total(low + high);
}

template <typename T>
void dot_and_square_of(const T* a, const T* b, std::int64_t n, float* dot, float* square) {
  Float16 dot_low{}, dot_high{}, square_low{}, square_high{};
  const auto add = [&](Float16 a_low, Float16 a_high, Float16 b_low, Float16 b_high) {
    dot_low += a_low * b_low;
    dot_high += a_high * b_high;
    square_low += b_low * b_low;
    square_high += b_high * b_high;
  };
  for_each_pair(
      n,
      [&](std::int64_t i) {
        add(widen(T{}, a + i), widen(T{}, a + i + lanes), widen(T{}, b + i),
            widen(T{}, b + i + lanes));
      },
      [&](std::int64_t i) {
        add(tail(a, i, n), tail(a, i + lanes, n), tail(b, i, n), tail(b, i + lanes, n));
      });
  *dot = sum_lanes(dot_low, dot_high);
  *square = sum_lanes(square_low, square_high);
}

/// Lane order of the f64 sums: four vectors of eight are the same 32 lanes.
struct DoubleSum {
  Double8 lane[4] = {};

  SLUICE_INLINE double value() const {
    const Double8 first = lane[0] + lane[2];   // lanes 0–7 with 16–23
    const Double8 second = lane[1] + lane[3];  // lanes 8–15 with 24–31
    return total(first + second);
  }
};

SLUICE_INLINE Double8 lower(Float16 vector) {
  Float8 half;
  std::memcpy(&half, &vector, sizeof half);
  return __builtin_convertvector(half, Double8);
}

SLUICE_INLINE Double8 upper(Float16 vector) {
  Float8 half;
  std::memcpy(&half, reinterpret_cast<const char*>(&vector) + sizeof half, sizeof half);
  return __builtin_convertvector(half, Double8);
}

template <typename T, typename Term>
SLUICE_INLINE double sum_f64(const T* a, const T* b, std::int64_t n, Term&& term) {
  DoubleSum sum;
  const auto add = [&](int at, Float16 x, Float16 y) {
    sum.lane[at] += term(lower(x), lower(y));
    sum.lane[at + 1] += term(upper(x), upper(y));
  };
  for_each_pair(
      n,
      [&](std::int64_t i) {
        add(0, widen(T{}, a + i), widen(T{}, b + i));
        add(2, widen(T{}, a + i + lanes), widen(T{}, b + i + lanes));
      },
      [&](std::int64_t i) {
        add(0, tail(a, i, n), tail(b, i, n));
        add(2, tail(a, i + lanes, n), tail(b, i + lanes, n));
      });
  return sum.value();
}

template <typename T>
double dot_f64_of(const T* a, const T* b, std::int64_t n) {
  return sum_f64(
      a, b, n, [](Double8 x, Double8 y) __attribute__((always_inline)) { return x * y; });
}

double squared_distance_f64(const float* a, const float* b, std::int64_t n) {
  return sum_f64(
      a, b, n, [](Double8 x, Double8 y) __attribute__((always_inline)) {
        const Double8 difference = x - y;
        return difference * difference;
      });
}

template <typename T>
void load_of(float* target, const T* row, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Float16 values = widen(T{}, row + i);
    std::memcpy(target + i, &values, sizeof values);
  }
  for (; i < n; ++i) target[i] = widen_one(row[i]);
}

template <typename T>
void add_scaled_of(float* target, const T* row, float factor, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Float16 sum = read<Float16>(target + i) + widen(T{}, row + i) * factor;
    std::memcpy(target + i, &sum, sizeof sum);
  }
  for (; i < n; ++i) target[i] += widen_one(row[i]) * factor;
}

void scale(float* target, float factor, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Float16 scaled = read<Float16>(target + i) * factor;
    std::memcpy(target + i, &scaled, sizeof scaled);
  }
  for (; i < n; ++i) target[i] *= factor;
}

/// Bit for bit what to_bfloat16() gives.
SLUICE_INLINE void narrow(Bfloat16* target, Float16 values) {
  const Int16 bits = reinterpret_cast<Int16>(values);
  const Int16 rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Int16 is_nan = reinterpret_cast<Int16>((bits & 0x7fffffffu) > 0x7f800000u);
  const Int16 narrowed = (rounded & ~is_nan) | (((bits >> 16) | 0x40u) & is_nan);
  const Short16 halves = __builtin_convertvector(narrowed, Short16);
  std::memcpy(target, &halves, sizeof halves);
}

/// Bit for bit what to_half() gives.
SLUICE_INLINE void narrow(Half* target, Float16 values) {
#if defined(__AVX512F__)
  const __m256i halves =
      _mm512_cvtps_ph(reinterpret_cast<__m512>(values), _MM_FROUND_TO_NEAREST_INT);
  std::memcpy(target, &halves, sizeof halves);
#else
  for (std::int64_t lane = 0; lane < lanes; ++lane) target[lane] = to_half(values[lane]);
#endif
}

SLUICE_INLINE void narrow_one(Half& target, float value) {
  target = to_half(value);
}
SLUICE_INLINE void narrow_one(Bfloat16& target, float value) {
  target = to_bfloat16(value);
}

template <typename T>
void store_as(T* row, const float* target, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) narrow(row + i, read<Float16>(target + i));
  for (; i < n; ++i) narrow_one(row[i], target[i]);
}

/// Vectors whose sums stay in registers while one row after the other is added.
constexpr std::int64_t mean_block = SLUICE_VECTOR_BYTES / 8;

template <typename T>
bool mean_rows_of(float* mean, const T* rows, std::int64_t row_stride, const std::int32_t* index,
                  std::int64_t count, std::int64_t n) {
  const auto row = [&](std::int64_t i) { return rows + index[i] * row_stride; };
  Float16 zero{};  // stays so as long as all is finite
  const auto divide = [&](Float16 sum) {
    const Float16 quotient = sum / static_cast<float>(count);
    zero += quotient * 0.0f;
    return quotient;
  };
  std::int64_t d = 0;
  for (; d + mean_block * lanes <= n; d += mean_block * lanes) {
    Float16 sums[std::size_t{mean_block}];
    const T* next = row(0) + d;
    for (std::int64_t k = 0; k < mean_block; ++k) sums[k] = widen(T{}, next + k * lanes);
    for (std::int64_t i = 1; i < count; ++i) {
      next = row(i) + d;
      for (std::int64_t k = 0; k < mean_block; ++k) sums[k] += widen(T{}, next + k * lanes);
    }
    for (std::int64_t k = 0; k < mean_block; ++k) {
      const Float16 quotient = divide(sums[k]);
      std::memcpy(mean + d + k * lanes, &quotient, sizeof quotient);
    }
  }
  for (; d < n; d += lanes) {
    Float16 sum = tail(row(0), d, n);
    for (std::int64_t i = 1; i < count; ++i) sum += tail(row(i), d, n);
    const Float16 quotient = divide(sum);
    const std::int64_t rest = n - d < lanes ? n - d : lanes;
    std::memcpy(mean + d, &quotient, static_cast<std::size_t>(rest) * sizeof(float));
  }
  return total(zero) == 0;
}

/// Sums of a tile of 4×4 rows at a time: sixteen accumulators and eight rows fill the registers of
/// AVX-512, and every loaded vector is used four times.
using Wide = float __attribute__((vector_size(SLUICE_VECTOR_BYTES)));
constexpr std::int64_t wide = SLUICE_VECTOR_BYTES / sizeof(float);

/// Not chosen by __AVX512F__ and the like: g++ 12 doesn't define those for a pragma's target.
SLUICE_INLINE Wide multiply_add(Wide a, Wide b, Wide sum) {
#if SLUICE_VECTOR_BYTES == 64
  return _mm512_fmadd_ps(a, b, sum);
#elif SLUICE_VECTOR_BYTES == 32
  return _mm256_fmadd_ps(a, b, sum);
#else
  return sum + a * b;
#endif
}

/// As fold<Float4>, but within registers: memory of which parts are copied stays memory.
SLUICE_INLINE Float4 to_four(Float4 sums) {
  return sums;
}
SLUICE_INLINE Float4 to_four(Float8 sums) {
  return __builtin_shufflevector(sums, sums, 0, 1, 2, 3) +
         __builtin_shufflevector(sums, sums, 4, 5, 6, 7);
}
SLUICE_INLINE Float4 to_four(Float16 sums) {
  return to_four(__builtin_shufflevector(sums, sums, 0, 1, 2, 3, 4, 5, 6, 7) +
                 __builtin_shufflevector(sums, sums, 8, 9, 10, 11, 12, 13, 14, 15));
}

/// target[0] += total(a) … target[3] += total(d), without leaving the vector registers.
SLUICE_INLINE void add_totals(Wide a, Wide b, Wide c, Wide d, float* target) {
  const Float4 a4 = to_four(a), b4 = to_four(b), c4 = to_four(c), d4 = to_four(d);
  const Float4 ab =
      __builtin_shufflevector(a4, b4, 0, 4, 1, 5) + __builtin_shufflevector(a4, b4, 2, 6, 3, 7);
  const Float4 cd =
      __builtin_shufflevector(c4, d4, 0, 4, 1, 5) + __builtin_shufflevector(c4, d4, 2, 6, 3, 7);
  const Float4 totals =
      __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  const Float4 added = read<Float4>(target) + totals;
  std::memcpy(target, &added, sizeof added);
}

/// What a row's last elements add, where they fill no vector.
template <int I, int J>
void add_rest(const float* a, const float* b, std::int64_t row_stride, std::int64_t first,
              std::int64_t n, float* gram, std::int64_t gram_stride) {
  for (int i = 0; i < I; ++i)
    for (int j = 0; j < J; ++j)
      for (std::int64_t d = first; d < n; ++d)
        gram[i * gram_stride + j] += a[i * row_stride + d] * b[j * row_stride + d];
}

// Loops over a tile are unrolled before anything else: sums that are indexed live in memory.
template <int I, int J>
SLUICE_INLINE void gram_tile(const float* a, const float* b, std::int64_t row_stride,
                             std::int64_t n, float* gram, std::int64_t gram_stride) {
  Wide sums[std::size_t{I}][std::size_t{J}] = {};
  std::int64_t d = 0;
  for (; d + wide <= n; d += wide) {
    Wide columns[std::size_t{J}];
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j) columns[j] = read<Wide>(b + j * row_stride + d);
#pragma GCC unroll 4
    for (int i = 0; i < I; ++i) {
      const Wide row = read<Wide>(a + i * row_stride + d);
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) sums[i][j] = multiply_add(row, columns[j], sums[i][j]);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < I; ++i) {
    float* target = gram + i * gram_stride;
    if constexpr (J == 4) {
      add_totals(sums[i][0], sums[i][1], sums[i][2], sums[i][3], target);
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < J; ++j) target[j] += total(to_four(sums[i][j]));
    }
  }
  if (d < n) add_rest<I, J>(a, b, row_stride, d, n, gram, gram_stride);
}

constexpr int gram_tile_rows = SLUICE_VECTOR_BYTES == 64 ? 4 : 3;

template <int I>
void gram_rows(const float* a, const float* rows, std::int64_t row_stride, std::int64_t j0,
               std::int64_t j1, std::int64_t n, float* gram, std::int64_t gram_stride) {
  std::int64_t j = j0;
  for (; j + gram_tile_rows <= j1; j += gram_tile_rows)
    gram_tile<I, gram_tile_rows>(a, rows + j * row_stride, row_stride, n, gram + j, gram_stride);
  for (; j < j1; ++j)
    gram_tile<I, 1>(a, rows + j * row_stride, row_stride, n, gram + j, gram_stride);
}

void add_gram(const float* rows, std::int64_t row_stride, std::int64_t i0, std::int64_t i1,
              std::int64_t j0, std::int64_t j1, std::int64_t d0, std::int64_t d1, float* gram,
              std::int64_t gram_stride) {
  const float* block = rows + d0;
  const std::int64_t n = d1 - d0;
  std::int64_t i = i0;
  for (; i + gram_tile_rows <= i1; i += gram_tile_rows)
    gram_rows<gram_tile_rows>(block + i * row_stride, block, row_stride, j0, j1, n,
                              gram + i * gram_stride, gram_stride);
  for (; i < i1; ++i)
    gram_rows<1>(block + i * row_stride, block, row_stride, j0, j1, n, gram + i * gram_stride,
                 gram_stride);
}

/// Calls body with a null pointer of the row's element type.
template <typename Body>
SLUICE_INLINE auto with_type(DType dtype, Body&& body) {
  if (dtype == DType::f16) return body(static_cast<const Half*>(nullptr));
  if (dtype == DType::bf16) return body(static_cast<const Bfloat16*>(nullptr));
  return body(static_cast<const float*>(nullptr));
}

void dot_and_square(const void* a, const void* b, DType dtype, std::int64_t n, float* dot,
                    float* square) {
  with_type(dtype, [&](auto* type) {
    using Row = decltype(type);
    dot_and_square_of(static_cast<Row>(a), static_cast<Row>(b), n, dot, square);
  });
}

double dot_f64(const void* a, const void* b, DType dtype, std::int64_t n) {
  return with_type(dtype, [&](auto* type) {
    using Row = decltype(type);
    return dot_f64_of(static_cast<Row>(a), static_cast<Row>(b), n);
  });
}

void load(float* target, const void* row, DType dtype, std::int64_t n) {
  with_type(dtype, [&](auto* type) { load_of(target, static_cast<decltype(type)>(row), n); });
}

void add_scaled(float* target, const void* row, DType dtype, float factor, std::int64_t n) {
  with_type(dtype, [&](auto* type) {
    add_scaled_of(target, static_cast<decltype(type)>(row), factor, n);
  });
}

bool mean_rows(float* mean, const void* rows, std::int64_t row_stride, const std::int32_t* index,
               std::int64_t count, DType dtype, std::int64_t n) {
  return with_type(dtype, [&](auto* type) {
    return mean_rows_of(mean, static_cast<decltype(type)>(rows), row_stride, index, count, n);
  });
}

void store(void* row, const float* target, DType dtype, std::int64_t n) {
  if (dtype == DType::f16)
    store_as(static_cast<Half*>(row), target, n);
  else if (dtype == DType::bf16)
    store_as(static_cast<Bfloat16*>(row), target, n);
  else
    std::memcpy(row, target, static_cast<std::size_t>(n) * sizeof(float));
}

}  // namespace

const RowKernels SLUICE_ROW_KERNELS = {
    &dot_and_square, &dot_f64,  &squared_distance_f64, &load, &add_scaled, &scale, &mean_rows,
    &store,          &add_gram,
};

}  // namespace sluice::kernels::cpu

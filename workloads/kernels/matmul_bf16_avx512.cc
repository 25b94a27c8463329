// vdpbf16ps: sixteen sums of two products each. One activation row: one weight row at a time in
// four accumulators, with the lines ahead asked for. More: four weight rows by six activation rows,
// 24 sums in registers. The four sums of an activation row are joined by transposing adds, 13
// instructions for all four.
#include "workloads/kernels/matmul_bf16_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#include "workloads/kernels/read_ahead.h"

// GCC 12's own AVX-512 header initialises "undefined" registers with themselves (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

namespace mb {
namespace {

constexpr long kLanes = 32;  // bf16 of a register
constexpr int kWeightRows = 4, kRows = 6;

inline __m512bh load(const std::uint16_t* at) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(at));
}
inline __m512bh load_first(const std::uint16_t* at, long count) {  // the others are zero
  const auto kept = static_cast<__mmask32>((1ULL << count) - 1);
  return reinterpret_cast<__m512bh>(_mm512_maskz_loadu_epi16(kept, at));
}
inline const std::uint16_t* row_of(const RowMatrix& matrix, long row) {
  return reinterpret_cast<const std::uint16_t*>(matrix.row(row));
}

float multiply_row(const std::uint16_t* w, const std::uint16_t* x, long columns) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                    _mm512_setzero_ps()};
  constexpr long kBytes = 4 * kLanes * 2;
  const ReadAhead& ahead = read_ahead();
  long c = 0;
  for (; c + 4 * kLanes <= columns; c += 4 * kLanes) {
    const std::byte* later = reinterpret_cast<const std::byte*>(w + c) + ahead.row_bytes;
    if (ahead.every_line) {
      ask_for<kBytes, ReadAhead::kLine>(later);
    } else {
      ask_for<kBytes, 2 * ReadAhead::kLine>(later);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      sums[i] = _mm512_dpbf16_ps(sums[i], load(w + c + i * kLanes), load(x + c + i * kLanes));
    }
  }
  for (; c < columns; c += kLanes) {
    const long left = std::min(kLanes, columns - c);
    sums[0] = _mm512_dpbf16_ps(sums[0], load_first(w + c, left), load_first(x + c, left));
  }
  return _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

// The sums of four registers, in order.
inline __m128 four_sums(const __m512 (&of)[kWeightRows]) {
  const __m512 ab =
      _mm512_add_ps(_mm512_unpacklo_ps(of[0], of[1]), _mm512_unpackhi_ps(of[0], of[1]));
  const __m512 cd =
      _mm512_add_ps(_mm512_unpacklo_ps(of[2], of[3]), _mm512_unpackhi_ps(of[2], of[3]));
  const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// The columns from c on that fill a register of every row of the block, or the last few.
template <int rows, bool whole>
inline void add_products(const std::uint16_t* const (&w)[kWeightRows], const Bf16Rows& x, long c,
                         __m512 (&sums)[rows][kWeightRows]) {
  const long left = x.columns - c;
  __m512bh weights[kWeightRows];
#pragma GCC unroll 4
  for (int r = 0; r < kWeightRows; ++r) {
    weights[r] = whole ? load(w[r] + c) : load_first(w[r] + c, left);
  }
#pragma GCC unroll 6
  for (int m = 0; m < rows; ++m) {
    const std::uint16_t* at = x.values + m * x.columns + c;
    const __m512bh value = whole ? load(at) : load_first(at, left);
#pragma GCC unroll 4
    for (int r = 0; r < kWeightRows; ++r) {
      sums[m][r] = _mm512_dpbf16_ps(sums[m][r], weights[r], value);
    }
  }
}

// kWeightRows weight rows x `rows` activation rows; `out` is the result of the first of both.
template <int rows>
void multiply_block(const RowMatrix& matrix, long row, const Bf16Rows& x, float* out, long stride) {
  const std::uint16_t* w[kWeightRows];
  for (int r = 0; r < kWeightRows; ++r) w[r] = row_of(matrix, row + r);
  __m512 sums[rows][kWeightRows];
#pragma GCC unroll 6
  for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
    for (int r = 0; r < kWeightRows; ++r) sums[m][r] = _mm512_setzero_ps();
  }
  long c = 0;
  for (; c + kLanes <= x.columns; c += kLanes) add_products<rows, true>(w, x, c, sums);
  if (c < x.columns) add_products<rows, false>(w, x, c, sums);
#pragma GCC unroll 6
  for (int m = 0; m < rows; ++m) _mm_storeu_ps(out + m * stride, four_sums(sums[m]));
}

#include "workloads/kernels/row_driver-inl.h"

struct PairKernel {
  static constexpr int kWeightRows = mb::kWeightRows, kRows = mb::kRows;
  const RowMatrix& matrix;
  const Bf16Rows& x;
  float* out;
  long stride;

  template <int rows>
  void block(long row, long s) const {
    multiply_block<rows>(matrix, row, x.row(s), out + s * stride + row, stride);
  }
  void dot(long row, long s) const {
    out[s * stride + row] = multiply_row(row_of(matrix, row), x.row(s).values, matrix.columns);
  }
};

}  // namespace

void matmul_bf16_avx512(const RowMatrix& matrix, long first, long last, const Bf16Rows& x,
                        long rows, float* out, long stride) {
  multiply_strips(PairKernel{matrix, x, out, stride}, first, last, rows);
}

}  // namespace mb
#pragma GCC pop_options

namespace mb {

bool avx512_bf16_supported() {
  static const bool supported =
      __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return supported;
}

}  // namespace mb
#else
namespace mb {
bool avx512_bf16_supported() { return false; }
void matmul_bf16_avx512(const RowMatrix&, long, long, const Bf16Rows&, long, float*, long) {}
}  // namespace mb
#endif

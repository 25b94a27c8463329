// AVX2: vpmaddubsw multiplies unsigned by signed bytes and adds pairs into 16 bits, which saturate;
// sums stay in 16 bits as long as they provably fit and then go to 32 by vpmaddwd with ones.
// Activations are within +-127 (quantise.h), so a pair is at most
//   q4_0, q4_k  2 x 15 x 127 = 3,810: a block's eight groups fit 16 bits
//   q6_k   2 x  63 x 127 = 16,002: two groups fit
//   q8_0   2 x 128 x 127 = 32,512: one group; |weight| meets the activation with the weight's sign
#include "workloads/kernels/matmul_panels_variants.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")

namespace mb {
namespace {

#include "workloads/kernels/panel_operations_256-inl.h"

struct Ops : Operations256 {
  static constexpr bool kSignedWeights = true;

  static inline Ints four(const std::int8_t* x) {
    int bits;
    std::memcpy(&bits, x, 4);
    return _mm256_set1_epi32(bits);
  }
  static inline Ints widen(Ints sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }
  static inline Ints pairs(Ints weights, const std::int8_t* x) {
    return _mm256_maddubs_epi16(weights, four(x));
  }
  static inline Ints signed_pairs(Ints weights, const std::int8_t* x) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(four(x), weights));
  }

  static inline Ints peak_step(Ints sum, Ints weights, Ints values) {
    return add(sum, widen(_mm256_maddubs_epi16(weights, values)));
  }

  template <PanelType type>
  static constexpr int kFitting = type == PanelType::kQ8_0   ? 1
                                  : type == PanelType::kQ6_K ? 2
                                                             : 8;

  // Group g of a block, unpacked; `at` is the block's first byte of these eight rows.
  template <PanelType type>
  static inline Ints group(const std::byte* at, int g) {
    if constexpr (type == PanelType::kQ8_0) return load(at + g * 64);
    const Ints bytes = load(at + g % 4 * 64);
    const Ints nibbles = g < 4 ? low_nibbles(bytes) : high_nibbles(bytes);
    if constexpr (type == PanelType::kQ6_K) {
      const Ints upper = load(at + 256 + g / 4 * 64);
      switch (g % 4) {
        case 0:
          return join(nibbles, upper_bits<0>(upper));
        case 1:
          return join(nibbles, upper_bits<1>(upper));
        case 2:
          return join(nibbles, upper_bits<2>(upper));
        default:
          return join(nibbles, upper_bits<3>(upper));
      }
    }
    return nibbles;
  }

  // Adds 32-bit sums of groups [first, last) for each activation row, `pitch` bytes apart: each
  // group is unpacked once and meets all rows, so that sums and not groups stay in the sixteen
  // registers.
  template <PanelType type, int first, int last, int rows>
  static inline void dot_rows(const std::byte* at, const std::int8_t* x, long pitch,
                              Ints (&totals)[rows]) {
#pragma GCC unroll 8
    for (int g = first; g < last; g += kFitting<type>) {
      Ints sums[rows];
#pragma GCC unroll 8
      for (int i = g; i < g + kFitting<type>; ++i) {
        const Ints weights = group<type>(at, i);
#pragma GCC unroll 4
        for (int m = 0; m < rows; ++m) {
          const std::int8_t* values = x + m * pitch + i * 4;
          const Ints products =
              type == PanelType::kQ8_0 ? signed_pairs(weights, values) : pairs(weights, values);
          sums[m] = i == g ? products : _mm256_add_epi16(sums[m], products);
          asm volatile(""
                       : "+x"(sums[m]));  // in this order: GCC spills 50 values a block otherwise
        }
      }
#pragma GCC unroll 4
      for (int m = 0; m < rows; ++m) {
        totals[m] = add(totals[m], widen(sums[m]));
      }
    }
  }
};

#include "workloads/kernels/panel_kernel-inl.h"
// The kernel comes before the loops that call it.
#include "workloads/kernels/panel_driver-inl.h"

}  // namespace
}  // namespace mb
#pragma GCC pop_options

namespace mb {
const PanelVariant& avx2() {
  static const PanelVariant variant{"AVX2",
                                    __builtin_cpu_supports("avx2") &&
                                        __builtin_cpu_supports("fma") &&
                                        __builtin_cpu_supports("f16c"),
                                    &drive_type<PanelKernel<Ops>>,
                                    {PeakKernel<Ops>::kOpsPerPass, &PeakKernel<Ops>::run}};
  return variant;
}
}  // namespace mb
#else
namespace mb {
const PanelVariant& avx2() {
  static const PanelVariant none{"AVX2", false, nullptr, {}};
  return none;
}
}  // namespace mb
#endif

// AVX-512 VNNI: one register is a whole panel's group, and four activation rows meet two panels (8
// sums and 8 totals of the 32 registers), so that a loaded activation serves two products. On Zen 4
// the instruction issues once a cycle on the pipes that multiply floats, and a block needs, beside
// its eight, a product of scales and a multiply-add: 10 cycles a row and panel at best.
#include "workloads/kernels/matmul_panels_variants.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

// GCC 12's own AVX-512 header initialises "undefined" registers with themselves (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")

namespace mb {
namespace {

struct Ops {
  using Ints = __m512i;
  using Floats = __m512;
  static constexpr long kLanes = 16;
  static constexpr int kRowBlock = 4;
  static constexpr int kPanelBlock = 2;
  static constexpr int kPeakProducts = 4;
  static constexpr bool kSignedWeights = false;

  static inline Ints load(const std::byte* at) { return _mm512_loadu_si512(at); }
  static inline Ints flip_signs(Ints v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }
  static inline Ints low_nibbles(Ints v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
  static inline Ints high_nibbles(Ints v) { return low_nibbles(_mm512_srli_epi16(v, 4)); }
  // The same in the upper half of a byte.
  static inline Ints high_nibbles_raised(Ints v) {
    return _mm512_and_si512(v, _mm512_set1_epi8(-16));
  }
  static inline Ints low_nibbles_raised(Ints v) {
    return high_nibbles_raised(_mm512_slli_epi16(v, 4));
  }
  // Bit pair `pair` of every byte, moved to bits 4 and 5.
  template <int pair>
  static inline Ints upper_bits(Ints v) {
    const Ints mask = _mm512_set1_epi8(0x30);
    if constexpr (pair <= 2) return _mm512_and_si512(_mm512_slli_epi16(v, 4 - 2 * pair), mask);
    return _mm512_and_si512(_mm512_srli_epi16(v, 2), mask);
  }
  static inline Ints join(Ints a, Ints b) { return _mm512_or_si512(a, b); }
  static inline Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
  static inline Ints broadcast(int value) { return _mm512_set1_epi32(value); }
  static inline Floats broadcast(float value) { return _mm512_set1_ps(value); }
  static inline Floats zero() { return _mm512_setzero_ps(); }
  static inline Ints dot(Ints sum, Ints weights, Ints values) {
    return _mm512_dpbusd_epi32(sum, weights, values);
  }
  static inline Ints peak_step(Ints sum, Ints weights, Ints values) {
    return dot(sum, weights, values);
  }
  static inline Floats load_halves(const std::byte* at) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  }
  static inline Floats load_small(const std::byte* at) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
  }
  static inline Ints load_bytes(const std::byte* at) {  // each to 32 bits
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  template <int bits>
  static inline Ints mask32(Ints v) {
    return _mm512_and_si512(v, _mm512_set1_epi32(bits));
  }
  template <int places>
  static inline Ints shift32(Ints v) {
    return _mm512_srli_epi32(v, places);
  }
  static inline Floats to_floats(Ints v) { return _mm512_cvtepi32_ps(v); }
  static inline Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static inline Floats add_product(Ints a, Floats b, Floats c) {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(a), b, c);
  }
  static inline Floats add_product(Floats a, Floats b, Floats c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  static inline void store(float* at, Floats v) { _mm512_storeu_ps(at, v); }
};

#include "workloads/kernels/panel_kernel-inl.h"
// The kernel comes before the loops that call it.
#include "workloads/kernels/panel_driver-inl.h"

}  // namespace
}  // namespace mb
#pragma GCC pop_options

namespace mb {

const PanelVariant& avx512_vnni() {
  static const PanelVariant variant{
      "AVX512_VNNI",
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"),
      &drive_type<PanelKernel<Ops>>,
      {PeakKernel<Ops>::kOpsPerPass, &PeakKernel<Ops>::run}};
  return variant;
}

}  // namespace mb
#else
namespace mb {
const PanelVariant& avx512_vnni() {
  static const PanelVariant none{"AVX512_VNNI", false, nullptr, {}};
  return none;
}
}  // namespace mb
#endif

// Ten chains hide the latency of two units (x86). The asm keeps the compiler from dropping the
// passes.
#include "workloads/kernels/compute_bf16.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace mb {
namespace {

#if defined(__x86_64__)
constexpr int kBf16Chains = 10;
constexpr double kFlopsPerPass = 2.0 * 32 * kBf16Chains;  // 32 products a vector

__attribute__((target("avx512f,avx512bw,avx512bf16"))) float run_bf16(std::uint64_t passes) {
  __m512 sums[kBf16Chains];
#pragma GCC unroll 10
  for (int c = 0; c < kBf16Chains; ++c) sums[c] = _mm512_set1_ps(1);
  // bf16: 1 is 0x3f80, -1 is 0xbf80.
  __m512i ones = _mm512_set1_epi32(0x3f803f80);
  const __m512i alternating = _mm512_set1_epi32(static_cast<int>(0xbf803f80U));
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
#pragma GCC unroll 10
    for (int c = 0; c < kBf16Chains; ++c) {
      asm volatile("" : "+v"(ones));
      sums[c] = _mm512_dpbf16_ps(sums[c], reinterpret_cast<__m512bh>(ones),
                                 reinterpret_cast<__m512bh>(alternating));
    }
  }
  float total = 0;  // of whole numbers, and so without rounding
  for (const __m512& sum : sums) total += _mm512_cvtss_f32(sum);
  return total / kBf16Chains;
}
#elif defined(__aarch64__)
constexpr int kBf16Chains = 16;                           // four units of four cycles
constexpr double kFlopsPerPass = 2.0 * 16 * kBf16Chains;  // bfmmla: 2 x 4 by 4 x 2

#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+bf16")
float run_bf16(std::uint64_t passes) {
  float32x4_t sums[kBf16Chains];
#pragma GCC unroll 16
  for (int c = 0; c < kBf16Chains; ++c) sums[c] = vdupq_n_f32(1);
  uint32x4_t ones = vdupq_n_u32(0x3f803f80U);
  const uint32x4_t alternating = vdupq_n_u32(0xbf803f80U);
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
#pragma GCC unroll 16
    for (int c = 0; c < kBf16Chains; ++c) {
      asm volatile("" : "+w"(ones));
      sums[c] =
          vbfmmlaq_f32(sums[c], vreinterpretq_bf16_u32(ones), vreinterpretq_bf16_u32(alternating));
    }
  }
  float total = 0;  // of whole numbers, and so without rounding
  for (const float32x4_t& sum : sums) total += vgetq_lane_f32(sum, 0);
  return total / kBf16Chains;
}
#pragma GCC pop_options
#endif

}  // namespace

Bf16Peak bf16_peak() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16") != 0) return {run_bf16, kFlopsPerPass, "AVX512-BF16"};
#elif defined(__aarch64__)
  if ((getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0) return {run_bf16, kFlopsPerPass, "NEON-BF16"};
#endif
  return {};
}

}  // namespace mb

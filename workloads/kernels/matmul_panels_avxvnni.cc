// AVX-VNNI: 256-bit vpdpbusd of client parts that have no AVX-512. A panel is done in two halves of
// eight rows; four activation rows share the unpacked groups, since there are sixteen registers.
// GCC 12 cannot ask the CPU for avxvnni by name, so CPUID leaf 7, subleaf 1, EAX bit 4 is read.
#include "workloads/kernels/matmul_panels_vnni.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <cstring>

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avxvnni")

namespace mb {
namespace {

struct Ops {
  using Ints = __m256i;
  using Floats = __m256;
  static constexpr long kLanes = 8;
  static constexpr int kRowBlock = 4;

  static inline Ints load(const std::byte* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
  static inline Ints flip_signs(Ints v) { return _mm256_xor_si256(v, _mm256_set1_epi8(-128)); }
  static inline Ints low_nibbles(Ints v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
  static inline Ints high_nibbles(Ints v) { return low_nibbles(_mm256_srli_epi16(v, 4)); }
  // Bit pair `pair` of every byte, moved to bits 4 and 5.
  template <int pair>
  static inline Ints upper_bits(Ints v) {
    const Ints mask = _mm256_set1_epi8(0x30);
    if constexpr (pair <= 2) return _mm256_and_si256(_mm256_slli_epi16(v, 4 - 2 * pair), mask);
    return _mm256_and_si256(_mm256_srli_epi16(v, 2), mask);
  }
  static inline Ints join(Ints a, Ints b) { return _mm256_or_si256(a, b); }
  static inline Ints add(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
  static inline Ints broadcast(int value) { return _mm256_set1_epi32(value); }
  static inline Floats broadcast(float value) { return _mm256_set1_ps(value); }
  static inline Floats zero() { return _mm256_setzero_ps(); }
  static inline Ints dot(Ints sum, Ints weights, const std::int8_t* four) {
    int bits;
    std::memcpy(&bits, four, 4);
    return _mm256_dpbusd_avx_epi32(sum, weights, _mm256_set1_epi32(bits));
  }
  static inline Floats load_halves(const std::byte* at) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  static inline Floats load_small(const std::byte* at) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
  }
  static inline Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static inline Floats add_product(Ints a, Floats b, Floats c) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(a), b, c);
  }
  static inline void store(float* at, Floats v) { _mm256_storeu_ps(at, v); }
};

#include "workloads/kernels/vnni_kernel-inl.h"
// The kernel comes before the loops that call it.
#include "workloads/kernels/panel_driver-inl.h"

}  // namespace
}  // namespace mb
#pragma GCC pop_options

namespace mb {
namespace {

bool cpu_has_avx_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
  if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (eax & (1U << 4)) != 0;
}

}  // namespace

const VnniVariant& avx_vnni() {
  static const VnniVariant variant{"AVX_VNNI", cpu_has_avx_vnni(), &drive_type<Kernel>};
  return variant;
}

}  // namespace mb
#else
namespace mb {
const VnniVariant& avx_vnni() {
  static const VnniVariant none{"AVX_VNNI", false, nullptr};
  return none;
}
}  // namespace mb
#endif

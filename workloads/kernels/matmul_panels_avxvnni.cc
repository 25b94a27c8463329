// AVX-VNNI: 256-bit vpdpbusd of client parts that have no AVX-512.
// GCC 12 cannot ask the CPU for avxvnni by name, so CPUID leaf 7, subleaf 1, EAX bit 4 is read.
#include "workloads/kernels/matmul_panels_variants.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <cstring>

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avxvnni")

namespace mb {
namespace {

#include "workloads/kernels/panel_operations_256-inl.h"

struct Ops : Operations256 {
  static constexpr bool kSignedWeights = false;

  static inline Ints dot(Ints sum, Ints weights, Ints values) {
    return _mm256_dpbusd_avx_epi32(sum, weights, values);
  }
  static inline Ints peak_step(Ints sum, Ints weights, Ints values) {
    return dot(sum, weights, values);
  }
};

#include "workloads/kernels/panel_kernel-inl.h"
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

const PanelVariant& avx_vnni() {
  static const PanelVariant variant{"AVX_VNNI",
                                    cpu_has_avx_vnni(),
                                    &drive_type<PanelKernel<Ops>>,
                                    {PeakKernel<Ops>::kOpsPerPass, &PeakKernel<Ops>::run}};
  return variant;
}

}  // namespace mb
#else
namespace mb {
const PanelVariant& avx_vnni() {
  static const PanelVariant none{"AVX_VNNI", false, nullptr, {}};
  return none;
}
}  // namespace mb
#endif

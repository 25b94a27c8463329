// NEON with the dot product extension (asimddp: Neoverse, Graviton 2 and later, Ampere): sdot adds
// four products of signed bytes to each of four sums.
#include "workloads/kernels/matmul_panels_variants.h"

#if defined(__aarch64__)
#include <sys/auxv.h>

#include <cstring>

#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#include <arm_neon.h>

namespace mb {
namespace {

#include "workloads/kernels/panel_operations_neon-inl.h"

struct Ops : NeonOperations {
  static inline Ints peak_step(Ints sum, Ints weights, Ints values) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(weights), vreinterpretq_s8_s32(values));
  }

  // Adds sums of groups [first, last), which are whole halves of a block, for each activation row.
  template <PanelType type, int first, int last, int rows>
  static inline void dot_rows(const std::byte* at, const std::int8_t* x, long pitch,
                              Ints (&totals)[rows]) {
    if constexpr (first == 0) dot_quad<type, 0, rows>(at, x, pitch, totals);
    if constexpr (last == 8) dot_quad<type, 1, rows>(at, x, pitch, totals);
  }
};

#include "workloads/kernels/panel_kernel-inl.h"
// The kernel comes before the loops that call it.
#include "workloads/kernels/panel_driver-inl.h"

}  // namespace
}  // namespace mb
#pragma GCC pop_options

namespace mb {

const PanelVariant& neon_dotprod() {
  static const PanelVariant variant{"NEON_DOTPROD",
                                    (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0,
                                    &drive_type<PanelKernel<Ops>>,
                                    {PeakKernel<Ops>::kOpsPerPass, &PeakKernel<Ops>::run}};
  return variant;
}

}  // namespace mb
#else
namespace mb {
const PanelVariant& neon_dotprod() {
  static const PanelVariant none{"NEON_DOTPROD", false, nullptr, {}};
  return none;
}
}  // namespace mb
#endif

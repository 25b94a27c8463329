// NEON with the matrix products of bytes (i8mm: Neoverse V1 and N2, Graviton 3 and later, Apple
// M2): smmla multiplies two rows of eight bytes by two others, 32 products where sdot has 16.
// Panels keep four columns of a row together, so two groups are zipped into rows of eight, once for
// eight activation rows; those are zipped in pairs. A single activation row goes by sdot, which has
// no use for a second one; every CPU with i8mm has it.
#include "workloads/kernels/matmul_panels_variants.h"

#if defined(__aarch64__)
#include <sys/auxv.h>

#include <cstring>

#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod+i8mm")
#include <arm_neon.h>

namespace mb {
namespace {

#include "workloads/kernels/panel_operations_neon-inl.h"

struct Ops : NeonOperations {
  // Ones meet ones in half of the bytes, so that a sum grows as it does by sdot.
  static constexpr int kPeakProducts = 8;
  static inline Ints peak_step(Ints sum, Ints weights, Ints values) {
    const int8x16_t half =
        vreinterpretq_s8_s64(vandq_s64(vreinterpretq_s64_s32(values), vdupq_n_s64(0xffffffff)));
    return vmmlaq_s32(sum, vreinterpretq_s8_s32(weights), half);
  }

  // The eight columns [8 * eight, +8) of half `quad` of a block: of the first two of these four
  // rows, then of the others.
  struct Eight {
    int8x16_t upper, lower;
  };
  template <PanelType type, int quad, int eight>
  static inline Eight eight_columns(const std::byte* at) {
    const int32x4_t left = vreinterpretq_s32_s8(group<type, quad, 2 * eight>(at)),
                    right = vreinterpretq_s32_s8(group<type, quad, 2 * eight + 1>(at));
    return {vreinterpretq_s8_s32(vzip1q_s32(left, right)),
            vreinterpretq_s8_s32(vzip2q_s32(left, right))};
  }

  // Sums of a pair of activation rows: of each of two weight rows with the one and with the other.
  struct Pair {
    Ints upper, lower;
  };
  template <PanelType type, int quad, int pairs>
  static inline void add_quad(const std::byte* at, const std::int8_t* x, long pitch,
                              Pair (&sums)[pairs]) {
    const Eight first = eight_columns<type, quad, 0>(at), second = eight_columns<type, quad, 1>(at);
#pragma GCC unroll 4
    for (int p = 0; p < pairs; ++p) {
      const int64x2_t one = vreinterpretq_s64_s8(vld1q_s8(x + 2 * p * pitch + quad * 16)),
                      other = vreinterpretq_s64_s8(vld1q_s8(x + (2 * p + 1) * pitch + quad * 16));
      const int8x16_t low = vreinterpretq_s8_s64(vzip1q_s64(one, other)),
                      high = vreinterpretq_s8_s64(vzip2q_s64(one, other));
      sums[p].upper = vmmlaq_s32(sums[p].upper, first.upper, low);
      sums[p].lower = vmmlaq_s32(sums[p].lower, first.lower, low);
      sums[p].upper = vmmlaq_s32(sums[p].upper, second.upper, high);
      sums[p].lower = vmmlaq_s32(sums[p].lower, second.lower, high);
    }
  }

  // Adds sums of groups [first, last), which are whole halves of a block, for each activation row.
  template <PanelType type, int first, int last, int rows>
  static inline void dot_rows(const std::byte* at, const std::int8_t* x, long pitch,
                              Ints (&totals)[rows]) {
    if constexpr (rows == 1) {
      if constexpr (first == 0) dot_quad<type, 0>(at, x, pitch, totals);
      if constexpr (last == 8) dot_quad<type, 1>(at, x, pitch, totals);
    } else {
      Pair sums[rows / 2];
#pragma GCC unroll 4
      for (Pair& pair : sums) pair = {vdupq_n_s32(0), vdupq_n_s32(0)};
      if constexpr (first == 0) add_quad<type, 0>(at, x, pitch, sums);
      if constexpr (last == 8) add_quad<type, 1>(at, x, pitch, sums);
#pragma GCC unroll 4
      for (int p = 0; p < rows / 2; ++p) {
        totals[2 * p] = add(totals[2 * p], vuzp1q_s32(sums[p].upper, sums[p].lower));
        totals[2 * p + 1] = add(totals[2 * p + 1], vuzp2q_s32(sums[p].upper, sums[p].lower));
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

const PanelVariant& neon_i8mm() {
  static const PanelVariant variant{"NEON_I8MM",
                                    (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0,
                                    &drive_type<PanelKernel<Ops>>,
                                    {PeakKernel<Ops>::kOpsPerPass, &PeakKernel<Ops>::run}};
  return variant;
}

}  // namespace mb
#else
namespace mb {
const PanelVariant& neon_i8mm() {
  static const PanelVariant none{"NEON_I8MM", false, nullptr, {}};
  return none;
}
}  // namespace mb
#endif

// NEON with the dot product extension (asimddp: Neoverse, Graviton 2 and later, Ampere): sdot adds
// four products of signed bytes to each of four sums, so a register is a group of four rows and a
// panel is done in four parts. Four groups meet sixteen activations of a row by lane, so one load
// serves four products; eight rows share the unpacked groups (8 sums, 4 groups and the activations
// of the 32 registers).
//
// The matrix products of i8mm (smmla) want eight columns side by side, which this layout has not.
#include "workloads/kernels/matmul_panels_variants.h"

#if defined(__aarch64__)
#include <sys/auxv.h>

#include <cstring>

#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#include <arm_neon.h>

namespace mb {
namespace {

struct Ops {
  using Ints = int32x4_t;
  using Floats = float32x4_t;
  static constexpr long kLanes = 4;
  static constexpr int kRowBlock = 8;
  static constexpr int kPanelBlock = 1;
  static constexpr bool kSignedWeights = true;

  static inline Ints add(Ints a, Ints b) { return vaddq_s32(a, b); }
  static inline Ints join(Ints a, Ints b) { return vorrq_s32(a, b); }
  static inline Ints broadcast(int value) { return vdupq_n_s32(value); }
  static inline Floats broadcast(float value) { return vdupq_n_f32(value); }
  static inline Floats zero() { return vdupq_n_f32(0); }
  static inline Floats load_halves(const std::byte* at) {
    uint16x4_t bits;
    std::memcpy(&bits, at, sizeof bits);
    return vcvt_f32_f16(vreinterpret_f16_u16(bits));
  }
  static inline Ints load_bytes(const std::byte* at) {  // each to 32 bits
    uint8x8_t bytes = vdup_n_u8(0);
    std::memcpy(&bytes, at, 4);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
  }
  static inline Floats load_small(const std::byte* at) {
    int8x8_t bytes = vdup_n_s8(0);
    std::memcpy(&bytes, at, 4);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
  }
  template <int bits>
  static inline Ints mask32(Ints v) {
    return vandq_s32(v, vdupq_n_s32(bits));
  }
  template <int places>
  static inline Ints shift32(Ints v) {
    return vshrq_n_s32(v, places);
  }
  static inline Floats to_floats(Ints v) { return vcvtq_f32_s32(v); }
  static inline Floats multiply(Floats a, Floats b) { return vmulq_f32(a, b); }
  static inline Floats add_product(Ints a, Floats b, Floats c) {
    return vfmaq_f32(c, vcvtq_f32_s32(a), b);
  }
  static inline Floats add_product(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
  static inline void store(float* at, Floats v) { vst1q_f32(at, v); }

  static inline Ints peak_step(Ints sum, Ints weights, Ints values) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(weights), vreinterpretq_s8_s32(values));
  }

  // Group `place` of four in half `quad` of a block, unpacked; `at` is the block's first byte of
  // these four rows.
  template <PanelType type, int quad, int place>
  static inline int8x16_t group(const std::byte* at) {
    const auto bytes = [at](long offset) {
      return vld1q_u8(reinterpret_cast<const std::uint8_t*>(at) + offset);
    };
    if constexpr (type == PanelType::kQ8_0) {
      return vreinterpretq_s8_u8(bytes((quad * 4 + place) * 64));
    } else {
      const uint8x16_t both = bytes(place * 64);
      uint8x16_t weights = quad == 0 ? vandq_u8(both, vdupq_n_u8(15)) : vshrq_n_u8(both, 4);
      if constexpr (type == PanelType::kQ6_K) {
        const uint8x16_t pairs = vshlq_u8(bytes(256 + quad * 64), vdupq_n_s8(-2 * place));
        weights = vorrq_u8(weights, vshlq_n_u8(vandq_u8(pairs, vdupq_n_u8(3)), 4));
      }
      return vreinterpretq_s8_u8(weights);
    }
  }

  template <PanelType type, int quad, int rows>
  static inline void add_quad(const std::byte* at, const std::int8_t* x, long pitch,
                              Ints (&totals)[rows]) {
    const int8x16_t first = group<type, quad, 0>(at), second = group<type, quad, 1>(at),
                    third = group<type, quad, 2>(at), fourth = group<type, quad, 3>(at);
#pragma GCC unroll 8
    for (int m = 0; m < rows; ++m) {
      const int8x16_t values = vld1q_s8(x + m * pitch + quad * 16);
      totals[m] = vdotq_laneq_s32(totals[m], first, values, 0);
      totals[m] = vdotq_laneq_s32(totals[m], second, values, 1);
      totals[m] = vdotq_laneq_s32(totals[m], third, values, 2);
      totals[m] = vdotq_laneq_s32(totals[m], fourth, values, 3);
    }
  }

  // Adds sums of groups [first, last), which are whole halves of a block, for each activation row.
  template <PanelType type, int first, int last, int rows>
  static inline void dot_rows(const std::byte* at, const std::int8_t* x, long pitch,
                              Ints (&totals)[rows]) {
    if constexpr (first == 0) add_quad<type, 0, rows>(at, x, pitch, totals);
    if constexpr (last == 8) add_quad<type, 1, rows>(at, x, pitch, totals);
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

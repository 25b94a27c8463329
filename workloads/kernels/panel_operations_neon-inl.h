// What both NEON panel kernels do alike: loads, unpacking and f32 arithmetic. Weights stay signed,
// as the instructions take them. A panel is done in four parts of four rows; eight activation rows
// share the unpacked groups: eight sums, four groups and the activations of 32 registers.
//
// Included inside a file-local namespace, under the target of that file: no include guard by
// intent.

struct NeonOperations {
  using Ints = int32x4_t;
  using Floats = float32x4_t;
  static constexpr long kLanes = 4;
  static constexpr int kRowBlock = 8;
  static constexpr int kPanelBlock = 1;
  static constexpr bool kSignedWeights = true;
  static constexpr int kPeakProducts = 4;

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

  // Adds half `quad` of a block by sdot: four groups meet sixteen activations of a row by lane, so
  // that one load serves four products.
  template <PanelType type, int quad, int rows>
  static inline void dot_quad(const std::byte* at, const std::int8_t* x, long pitch,
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
};

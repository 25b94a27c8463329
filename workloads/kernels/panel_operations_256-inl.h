// What both 256-bit panel kernels do alike: loads, unpacking and f32 arithmetic of AVX2. A panel is
// done in two halves of eight rows; four activation rows share the unpacked groups, since there are
// sixteen registers.
//
// Included inside a file-local namespace, under the target of that file: no include guard by
// intent.

struct Operations256 {
  using Ints = __m256i;
  using Floats = __m256;
  static constexpr long kLanes = 8;
  static constexpr int kRowBlock = 4;
  static constexpr int kPanelBlock = 1;
  static constexpr int kPeakProducts = 4;

  static inline Ints load(const std::byte* at) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
  static inline Ints flip_signs(Ints v) { return _mm256_xor_si256(v, _mm256_set1_epi8(-128)); }
  static inline Ints low_nibbles(Ints v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
  static inline Ints high_nibbles(Ints v) { return low_nibbles(_mm256_srli_epi16(v, 4)); }
  // The same in the upper half of a byte.
  static inline Ints high_nibbles_raised(Ints v) {
    return _mm256_and_si256(v, _mm256_set1_epi8(-16));
  }
  static inline Ints low_nibbles_raised(Ints v) {
    return high_nibbles_raised(_mm256_slli_epi16(v, 4));
  }
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
  static inline Floats load_halves(const std::byte* at) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  }
  static inline Floats load_small(const std::byte* at) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
  }
  static inline Ints load_bytes(const std::byte* at) {  // each to 32 bits
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
  }
  template <int bits>
  static inline Ints mask32(Ints v) {
    return _mm256_and_si256(v, _mm256_set1_epi32(bits));
  }
  template <int places>
  static inline Ints shift32(Ints v) {
    return _mm256_srli_epi32(v, places);
  }
  static inline Floats to_floats(Ints v) { return _mm256_cvtepi32_ps(v); }
  static inline Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static inline Floats add_product(Ints a, Floats b, Floats c) {
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(a), b, c);
  }
  static inline Floats add_product(Floats a, Floats b, Floats c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static inline void store(float* at, Floats v) { _mm256_storeu_ps(at, v); }
};

// Activations as int8 blocks of 32 with an f32 scale (Q8_0-like), and the block's sums: the offset
// of unsigned weights is taken off once a block, instead of once a weight. Sums are stored times
// -128, a byte's offset, so that a kernel's own sum can start from a stored one; what has a smaller
// offset shifts or scales.
#pragma once
#include <cstdint>

namespace mb {

inline constexpr int kSumShift = 7;
inline constexpr std::int32_t kSumFactor = -(1 << kSumShift);

// Borrowed, row-major: row s starts at values + s * columns, scales + s * columns / 32,
// sums + s * columns / 16: of each block that of its 32 values and that of its last 16 (q6_k scales
// its weights by sixteens), times kSumFactor.
struct QuantisedRows {
  std::int8_t* values = nullptr;
  float* scales = nullptr;
  std::int32_t* sums = nullptr;
  long columns = 0;

  QuantisedRows row(long s) const {
    return {values + s * columns, scales + s * columns / 32, sums + s * columns / 16, columns};
  }
};

// Quantises columns [32 * first_block, 32 * last_block) of one row. Scale = largest magnitude /
// 127, rounded to nearest even. Bit-equal to the twin.
void quantise(const float* x, long first_block, long last_block, const QuantisedRows& row);
void quantise_scalar(const float* x, long first_block, long last_block, const QuantisedRows& row);

}  // namespace mb

// Activations rounded to bf16, to nearest even: what meets bf16 weights in engines (ggml converts
// them so for a BF16 tensor, PyTorch and oneDNN keep them so).
#pragma once
#include <cstdint>

namespace mb {

// Borrowed, row-major: row s starts at values + s * columns.
struct Bf16Rows {
  std::uint16_t* values = nullptr;
  long columns = 0;

  Bf16Rows row(long s) const { return {values + s * columns, columns}; }
};

// Any alignment of whole elements. Bit-equal to the twin; NaN is not kept (half.h).
void round_bf16(const float* x, long count, std::uint16_t* out);
void round_bf16_scalar(const float* x, long count, std::uint16_t* out);

}  // namespace mb

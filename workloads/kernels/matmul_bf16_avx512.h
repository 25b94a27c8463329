// The variant of matmul_bf16 (matmul_rows.h) by AVX512-BF16, in a file of its own: vdpbf16ps
// multiplies pairs, which Highway 1.0.3 does not offer. Used by matmul_rows.cc and its test.
#pragma once
#include "workloads/kernels/matmul_rows.h"

namespace mb {

bool avx512_bf16_supported();  // by this CPU and system
// As matmul_bf16; only where supported.
void matmul_bf16_avx512(const RowMatrix& matrix, long first, long last, const Bf16Rows& x,
                        long rows, float* out, long stride);

}  // namespace mb

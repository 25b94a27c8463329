// f32 products by BLIS on Arm, where Debian's oneDNN has nothing but plain loops (DECISIONS.md 86).
// Called by each thread for itself; the library's build has no threads of its own.
#pragma once
#include <string>

namespace mb {

bool blas_available();       // of this build
std::string blas_library();  // "BLIS 0.9.0"; empty without

// out[rows x outputs] = x[rows x columns] * weights[outputs x columns] transposed. Throws
// Error(kNotAvailable) where there is none.
void blas_product(long rows, long columns, long outputs, const float* x, const float* weights,
                  float* out);

}  // namespace mb

#include "workloads/blas.h"

#include "data/error.h"

#ifdef WITH_BLIS
#include <blis.h>
#include <cblas.h>
#endif

namespace mb {

#ifdef WITH_BLIS

bool blas_available() { return true; }

std::string blas_library() { return std::string("BLIS ") + bli_info_get_version_str(); }

void blas_product(long rows, long columns, long outputs, const float* x, const float* weights,
                  float* out) {
  const auto m = static_cast<f77_int>(rows), n = static_cast<f77_int>(outputs),
             k = static_cast<f77_int>(columns);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, x, k, weights, k, 0, out, n);
}

#else

bool blas_available() { return false; }
std::string blas_library() { return {}; }
void blas_product(long, long, long, const float*, const float*, float*) {
  throw Error(ErrorCode::kNotAvailable, "this build is without BLIS (WITH_BLIS=ON)");
}

#endif

}  // namespace mb

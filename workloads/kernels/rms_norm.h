// Root-mean-square norm of one f32 row.
#pragma once

namespace mb {

// out = x / sqrt(mean(x^2) + 1e-6) * weight. out may be x.
void rms_norm(const float* x, const float* weight, long count, float* out);
void rms_norm_scalar(const float* x, const float* weight, long count, float* out);

}  // namespace mb

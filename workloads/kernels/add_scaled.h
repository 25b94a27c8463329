// x += factor * y on one f32 row: residuals, biases, and the weighted sum of experts.
#pragma once

namespace mb {

void add_scaled(float* x, const float* y, float factor, long count);
void add_scaled_scalar(float* x, const float* y, float factor, long count);

}  // namespace mb

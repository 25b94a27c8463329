// Rotary position embedding of one head.
#pragma once

namespace mb {

// Rotates the pairs (x[i], x[i + half]) by angle i (the split-halves layout of Qwen and Gemma):
// cosines and sines hold `half` values.
void rope(float* x, const float* cosines, const float* sines, long half);
void rope_scalar(float* x, const float* cosines, const float* sines, long half);

}  // namespace mb

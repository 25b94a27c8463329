// The activation of a gated feed-forward layer, on one f32 row.
#pragma once

namespace mb {

enum class Activation { kSilu, kGelu };  // gelu by its tanh approximation

// out = activation(gate) * up. out may be gate.
void gated_activation(Activation activation, const float* gate, const float* up, long count,
                      float* out);
void gated_activation_scalar(Activation activation, const float* gate, const float* up, long count,
                             float* out);

}  // namespace mb

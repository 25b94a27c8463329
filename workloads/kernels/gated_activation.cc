// Both activations are a gate times a logistic: silu(x) = x / (1 + exp(-x)), and gelu's tanh form
// is x / (1 + exp(-2 z)) with z = sqrt(2 / pi) (x + 0.044715 x^3).
#include "workloads/kernels/gated_activation.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/gated_activation.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#include "workloads/kernels/exp-inl.h"

using DF = hn::ScalableTag<float>;
using VF = hn::Vec<DF>;

HWY_INLINE VF activated(Activation activation, VF gate, VF up) {
  const DF d;
  VF z = gate;
  if (activation == Activation::kGelu) {
    const VF cube = hn::Mul(hn::Mul(gate, gate), gate);
    z = hn::Mul(hn::MulAdd(cube, hn::Set(d, 0.044715F), gate), hn::Set(d, 1.5957691F));
  }
  const VF divisor = hn::Add(hn::Set(d, 1.0F), fast_exp(d, hn::Neg(z)));
  return hn::Mul(hn::Div(gate, divisor), up);
}

void gated_activation_vector(Activation activation, const float* gate, const float* up, long count,
                             float* out) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  long i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(activated(activation, hn::LoadU(d, gate + i), hn::LoadU(d, up + i)), d, out + i);
  }
  for (; i < count; ++i) {
    out[i] = hn::GetLane(activated(activation, hn::Set(d, gate[i]), hn::Set(d, up[i])));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(gated_activation_vector);

void gated_activation(Activation activation, const float* gate, const float* up, long count,
                      float* out) {
  HWY_DYNAMIC_DISPATCH(gated_activation_vector)(activation, gate, up, count, out);
}

void gated_activation_scalar(Activation activation, const float* gate, const float* up, long count,
                             float* out) {
  for (long i = 0; i < count; ++i) {
    const double x = static_cast<double>(gate[i]);
    double z = x;
    if (activation == Activation::kGelu) z = 2 * 0.7978845608 * (x + 0.044715 * x * x * x);
    out[i] = static_cast<float>(x / (1 + std::exp(-z)) * static_cast<double>(up[i]));
  }
}

}  // namespace mb
#endif  // HWY_ONCE

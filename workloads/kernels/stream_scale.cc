// One multiplication an element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_scale.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_scale.h"
#include "workloads/kernels/traversal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

struct ScaleOperation {
  double scale;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V value) const {
    return hn::Mul(hn::Set(d, scale), value);
  }
};

void scale(double* to, const double* from, double scale, std::size_t count, std::uint64_t passes,
           const Traversal& way) {
  map_slice(ScaleOperation{scale}, way, count, passes, to, from);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(scale);

void stream_scale(double* to, const double* from, double scale, std::size_t count,
                  std::uint64_t passes, const Traversal& way) {
  HWY_DYNAMIC_DISPATCH(scale)(to, from, scale, count, passes, way);
}

void stream_scale_scalar(double* to, const double* from, double scale, std::size_t count,
                         std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) to[i] = scale * from[i];
  }
}

}  // namespace mb
#endif  // HWY_ONCE

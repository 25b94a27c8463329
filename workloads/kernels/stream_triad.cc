// One multiply-add an element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_triad.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_triad.h"
#include "workloads/kernels/traversal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

struct TriadOperation {
  double scale;
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b) const {
    return hn::MulAdd(hn::Set(d, scale), b, a);
  }
};

void triad(double* to, const double* a, const double* b, double scale, std::size_t count,
           std::uint64_t passes, const Traversal& way) {
  map_slice(TriadOperation{scale}, way, count, passes, to, a, b);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(triad);

void stream_triad(double* to, const double* a, const double* b, double scale, std::size_t count,
                  std::uint64_t passes, const Traversal& way) {
  HWY_DYNAMIC_DISPATCH(triad)(to, a, b, scale, count, passes, way);
}

void stream_triad_scalar(double* to, const double* a, const double* b, double scale,
                         std::size_t count, std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) to[i] = a[i] + scale * b[i];
  }
}

}  // namespace mb
#endif  // HWY_ONCE

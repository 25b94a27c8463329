// One addition an element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_add.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_add.h"
#include "workloads/kernels/traversal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

struct AddOperation {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b) const {
    return hn::Add(a, b);
  }
};

void add(double* to, const double* a, const double* b, std::size_t count, std::uint64_t passes,
         const Traversal& way) {
  map_slice(AddOperation{}, way, count, passes, to, a, b);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(add);

void stream_add(double* to, const double* a, const double* b, std::size_t count,
                std::uint64_t passes, const Traversal& way) {
  HWY_DYNAMIC_DISPATCH(add)(to, a, b, count, passes, way);
}

void stream_add_scalar(double* to, const double* a, const double* b, std::size_t count,
                       std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) to[i] = a[i] + b[i];
  }
}

}  // namespace mb
#endif  // HWY_ONCE

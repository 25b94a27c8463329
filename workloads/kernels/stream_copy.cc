// Whole words, so that any value comes through.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_copy.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_copy.h"
#include "workloads/kernels/traversal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

struct CopyOperation {
  template <class D, class V>
  HWY_INLINE V operator()(D, V value) const {
    return value;
  }
};

void copy(std::uint64_t* to, const std::uint64_t* from, std::size_t count, std::uint64_t passes,
          const Traversal& way) {
  map_slice(CopyOperation{}, way, count, passes, to, from);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(copy);

void stream_copy(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                 std::uint64_t passes, const Traversal& way) {
  HWY_DYNAMIC_DISPATCH(copy)(to, from, count, passes, way);
}

void stream_copy_scalar(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                        std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

}  // namespace mb
#endif  // HWY_ONCE

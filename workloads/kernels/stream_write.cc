// An operation that reads nothing.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/stream_write.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

#include "workloads/kernels/stream_write.h"
#include "workloads/kernels/traversal-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

struct WriteOperation {
  std::uint64_t value;
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d) const {
    return hn::Set(d, value);
  }
};

void write(std::uint64_t* data, std::size_t count, std::uint64_t value, std::uint64_t passes,
           const Traversal& way) {
  map_slice(WriteOperation{value}, way, count, passes, data);
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(write);

void stream_write(std::uint64_t* data, std::size_t count, std::uint64_t value, std::uint64_t passes,
                  const Traversal& way) {
  HWY_DYNAMIC_DISPATCH(write)(data, count, value, passes, way);
}

void stream_write_scalar(std::uint64_t* data, std::size_t count, std::uint64_t value,
                         std::uint64_t passes) {
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (std::size_t i = 0; i < count; ++i) data[i] = value;
  }
}

}  // namespace mb
#endif  // HWY_ONCE

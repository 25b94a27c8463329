// What the storing kernels share: one store that is plain or streaming by a template argument, and
// the way to the first aligned vector. Included once per target, inside foreach_target, hence the
// toggled guard.
#if defined(MB_STREAM_STORE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MB_STREAM_STORE_INL_H
#undef MB_STREAM_STORE_INL_H
#else
#define MB_STREAM_STORE_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {

// Words of type T from `data` to the next multiple of a vector's size, at most `count`.
template <class T>
HWY_INLINE std::size_t words_to_boundary(const T* data, std::size_t count, std::size_t lanes) {
  const std::size_t vector_bytes = lanes * sizeof(T);
  const std::size_t past = reinterpret_cast<std::uintptr_t>(data) % vector_bytes;
  return past == 0 ? 0 : std::min(count, (vector_bytes - past) / sizeof(T));
}

// `to` is aligned to a vector.
template <bool kStreaming, class D, class V, class T>
HWY_INLINE void put(D d, V values, T* HWY_RESTRICT to) {
  if constexpr (kStreaming) {
    hwy::HWY_NAMESPACE::Stream(values, d, to);
  } else {
    hwy::HWY_NAMESPACE::Store(values, d, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#endif

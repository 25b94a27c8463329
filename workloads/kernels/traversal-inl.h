// The loops of the stream kernels: an operation on single vectors, applied to a whole slice in
// every way that traversal.h lists. Included once per target, inside foreach_target, hence the
// toggled guard. No vector is kept in an array or a member: SVE's have no size.
#if defined(MB_TRAVERSAL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MB_TRAVERSAL_INL_H
#undef MB_TRAVERSAL_INL_H
#else
#define MB_TRAVERSAL_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "workloads/kernels/traversal.h"

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// As wide as the target goes, or kVectorBytes at most.
template <class T, int kVectorBytes>
using VectorTag = std::conditional_t<kVectorBytes == 0, hn::ScalableTag<T>,
                                     hn::CappedTag<T, std::max(1, kVectorBytes / int{sizeof(T)})>>;

// Calls Kernel<streams, unroll, prefetches, vector_bytes>::run(arguments...) for the way asked for.
template <template <int, int, bool, int> class Kernel, class... Arguments>
HWY_INLINE auto in_traversal(const Traversal& way, const Arguments&... arguments) {
  const int streams = way.streams, unroll = way.unroll;
  if (streams == 1 && unroll == 8 && way.vector_bytes == 16) {
    return Kernel<1, 8, false, 16>::run(arguments...);
  }
  if (streams == 1 && unroll == 8 && way.prefetch_bytes > 0) {
    return Kernel<1, 8, true, 0>::run(arguments...);
  }
  if (streams == 1 && unroll == 8) return Kernel<1, 8, false, 0>::run(arguments...);
  if (streams == 2 && unroll == 4) return Kernel<2, 4, false, 0>::run(arguments...);
  if (streams == 4 && unroll == 2) return Kernel<4, 2, false, 0>::run(arguments...);
  if (streams == 4 && unroll == 4) return Kernel<4, 4, false, 0>::run(arguments...);
  if (streams == 8 && unroll == 2) return Kernel<8, 2, false, 0>::run(arguments...);
  return Kernel<1, 4, false, 0>::run(arguments...);
}

// Elements of one stream's part: whole turns and whole cache lines, so that no line is shared.
HWY_INLINE std::size_t part_of_stream(std::size_t count, int streams, std::size_t turn) {
  constexpr std::size_t kLineElements = 8;  // 64 bytes of 8
  const std::size_t grain = turn * ((kLineElements + turn - 1) / turn);
  return count / static_cast<std::size_t>(streams) / grain * grain;
}

// Elements of type T from `data` to the next multiple of a vector's size, at most `count`.
template <class T>
HWY_INLINE std::size_t elements_to_boundary(const T* data, std::size_t count, std::size_t lanes) {
  const std::size_t vector_bytes = lanes * sizeof(T);
  const std::size_t past = reinterpret_cast<std::uintptr_t>(data) % vector_bytes;
  return past == 0 ? 0 : std::min(count, (vector_bytes - past) / sizeof(T));
}

// `to` is aligned to a vector.
template <bool kStreaming, class D, class V, class T>
HWY_INLINE void put(D d, V values, T* HWY_RESTRICT to) {
  if constexpr (kStreaming) {
    hn::Stream(values, d, to);
  } else {
    hn::Store(values, d, to);
  }
}

// kUnroll vectors of one stream: of each four, all loads stand before all stores.
template <bool kStreaming, int kUnroll, class D, class Operation, class T, class... From>
HWY_INLINE void map_turn(D d, const Operation& operation, T* to, const From*... from) {
  const std::size_t lanes = hn::Lanes(d);
  const auto values0 = operation(d, hn::LoadU(d, from)...);
  const auto values1 = operation(d, hn::LoadU(d, from + lanes)...);
  if constexpr (kUnroll == 2) {
    put<kStreaming>(d, values0, to);
    put<kStreaming>(d, values1, to + lanes);
  } else {
    const auto values2 = operation(d, hn::LoadU(d, from + 2 * lanes)...);
    const auto values3 = operation(d, hn::LoadU(d, from + 3 * lanes)...);
    put<kStreaming>(d, values0, to);
    put<kStreaming>(d, values1, to + lanes);
    put<kStreaming>(d, values2, to + 2 * lanes);
    put<kStreaming>(d, values3, to + 3 * lanes);
    if constexpr (kUnroll > 4) {
      map_turn<kStreaming, kUnroll - 4>(d, operation, to + 4 * lanes, (from + 4 * lanes)...);
    }
  }
}

template <bool kStreaming, int kStreams, int kUnroll, class D, class Operation, class T,
          class... From>
HWY_INLINE void map_streams(D d, const Operation& operation, std::size_t part, T* to,
                            const From*... from) {
  map_turn<kStreaming, kUnroll>(d, operation, to, from...);
  if constexpr (kStreams > 1) {
    map_streams<kStreaming, kStreams - 1, kUnroll>(d, operation, part, to + part, (from + part)...);
  }
}

// The lines of the next turn's vectors, so far ahead; a prefetch past the slice's end is harmless.
template <class T>
HWY_INLINE void prefetch_lines(const T* from, std::size_t bytes, int ahead) {
  constexpr std::size_t kLineBytes = 64;
  const char* at = reinterpret_cast<const char*>(from) + ahead;
  for (std::size_t line = 0; line < bytes; line += kLineBytes) hwy::Prefetch(at + line);
}

template <bool kStreaming>
struct Map {
  template <int kStreams, int kUnroll, bool kPrefetches, int kVectorBytes>
  struct Loop {
    // to[i] = operation(from[i]...) for all i < count, `passes` times over.
    template <class Operation, class T, class... From>
    static HWY_INLINE void run(const Operation& operation, int ahead, std::size_t count,
                               std::uint64_t passes, T* to, const From*... from) {
      const VectorTag<T, kVectorBytes> d;
      const hn::CappedTag<T, 1> one;
      const std::size_t lanes = hn::Lanes(d), turn = kUnroll * lanes;
      const std::size_t head = elements_to_boundary(to, count, lanes);
      const std::size_t part = part_of_stream(count - head, kStreams, turn);
      for (std::uint64_t pass = 0; pass < passes; ++pass) {
        asm volatile("" ::: "memory");  // every pass must really load and store
        std::size_t i = 0;
        for (; i < head; ++i) hn::StoreU(operation(one, hn::LoadU(one, from + i)...), one, to + i);
        for (; i < head + part; i += turn) {
          if constexpr (kPrefetches) (prefetch_lines(from + i, turn * sizeof(T), ahead), ...);
          map_streams<kStreaming, kStreams, kUnroll>(d, operation, part, to + i, (from + i)...);
        }
        i = head + kStreams * part;
        for (; i + lanes <= count; i += lanes) {
          put<kStreaming>(d, operation(d, hn::LoadU(d, from + i)...), to + i);
        }
        for (; i < count; ++i) hn::StoreU(operation(one, hn::LoadU(one, from + i)...), one, to + i);
      }
      if constexpr (kStreaming) hwy::FlushStream();
    }
  };
};

// Streaming stores need aligned addresses and pay only for whole lines, so the slice is entered and
// left with single elements.
template <class Operation, class T, class... From>
HWY_INLINE void map_slice(const Operation& operation, const Traversal& way, std::size_t count,
                          std::uint64_t passes, T* to, const From*... from) {
  if (way.streaming_stores) {
    in_traversal<Map<true>::template Loop>(way, operation, way.prefetch_bytes, count, passes, to,
                                           from...);
  } else {
    in_traversal<Map<false>::template Loop>(way, operation, way.prefetch_bytes, count, passes, to,
                                            from...);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#endif

// Eight vectors in flight are enough to fill a core's loads; what is worth trying beyond is more
// places, for the row buffers and the prefetchers of DRAM, asking ahead, and smaller steps, which
// leave the prefetchers more time.
#include "workloads/kernels/traversal.h"

#include <array>

namespace mb {

std::span<const Traversal> traversals() {
  // The same list stands in traversal-inl.h.
  static constexpr std::array<Traversal, 8> kAll{{{1, 4, 0},
                                                  {1, 8, 0},
                                                  {1, 8, 0, 16},
                                                  {1, 8, 512},
                                                  {2, 4, 0},
                                                  {4, 2, 0},
                                                  {4, 4, 0},
                                                  {8, 2, 0}}};
  return kAll;
}

std::string to_string(const Traversal& traversal) {
  std::string text = "streams:" + std::to_string(traversal.streams) +
                     " unroll:" + std::to_string(traversal.unroll) +
                     " prefetch:" + std::to_string(traversal.prefetch_bytes);
  if (traversal.vector_bytes > 0) text += " vector:" + std::to_string(traversal.vector_bytes);
  return text;
}

}  // namespace mb

// Read sum: adds up all words of a slice. One thread, nothing written: the purest load bandwidth,
// and how decode goes over its weights.
//
// Named bytes (STREAM rule): 8 x count x passes, all read.
// Integer addition is exact in any order, so every target and every traversal gives the same sum
// and a wrong or a missing word shows.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

// Sum modulo 2^64 of data[0, count), `passes` times over. Any alignment.
std::uint64_t stream_read(const std::uint64_t* data, std::size_t count, std::uint64_t passes,
                          const Traversal& way = {1, 8});

std::uint64_t stream_read_scalar(const std::uint64_t* data, std::size_t count,
                                 std::uint64_t passes);

}  // namespace mb

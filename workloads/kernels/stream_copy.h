// Copy: to[i] = from[i]. One read and one write stream.
//
// Named bytes (STREAM rule): 2 x 8 x count x passes (read + written); write-allocate is not
// counted, so that streaming stores, which have none, show their gain.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

// The slices do not overlap. Any alignment of whole words. Streaming stores are fenced before it
// returns.
void stream_copy(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                 std::uint64_t passes, const Traversal& way = {});

void stream_copy_scalar(std::uint64_t* to, const std::uint64_t* from, std::size_t count,
                        std::uint64_t passes);

}  // namespace mb

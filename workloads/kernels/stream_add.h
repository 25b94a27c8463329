// Add: to[i] = a[i] + b[i], STREAM's third kernel. Two read streams, one write stream.
//
// Named bytes (STREAM rule): 3 x 8 x count x passes; write-allocate is not counted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

// The slices do not overlap. Any alignment of whole words. Streaming stores are fenced before it
// returns.
void stream_add(double* to, const double* a, const double* b, std::size_t count,
                std::uint64_t passes, const Traversal& way = {});

void stream_add_scalar(double* to, const double* a, const double* b, std::size_t count,
                       std::uint64_t passes);

}  // namespace mb

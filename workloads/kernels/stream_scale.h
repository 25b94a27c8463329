// Scale: to[i] = scale * from[i], STREAM's second kernel. One read and one write stream.
//
// Named bytes (STREAM rule): 2 x 8 x count x passes; write-allocate is not counted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

// The slices do not overlap. Any alignment of whole words. Streaming stores are fenced before it
// returns.
void stream_scale(double* to, const double* from, double scale, std::size_t count,
                  std::uint64_t passes, const Traversal& way = {});

void stream_scale_scalar(double* to, const double* from, double scale, std::size_t count,
                         std::uint64_t passes);

}  // namespace mb

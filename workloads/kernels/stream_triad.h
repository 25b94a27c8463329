// Triad: to[i] = a[i] + scale * b[i], STREAM's fourth kernel. Two read streams, one write stream
// and two floating-point operations per element.
//
// Named bytes (STREAM rule): 3 x 8 x count x passes; write-allocate is not counted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

// The slices do not overlap. Any alignment of whole words. Streaming stores are fenced before it
// returns. Targets with a fused multiply-add round once where others round twice.
void stream_triad(double* to, const double* a, const double* b, double scale, std::size_t count,
                  std::uint64_t passes, const Traversal& way = {});

void stream_triad_scalar(double* to, const double* a, const double* b, double scale,
                         std::size_t count, std::uint64_t passes);

}  // namespace mb

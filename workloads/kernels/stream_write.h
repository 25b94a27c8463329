// Write: fills a slice with one value. A plain store first fetches each line into the cache
// (write-allocate) unless the CPU sees that whole lines are written; a streaming store goes past
// the caches.
//
// Named bytes (STREAM rule): 8 x count x passes, all written; write-allocate is not counted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

// data[0, count) = value, `passes` times over. Any alignment of whole words. Streaming stores are
// fenced before it returns: what they wrote is visible to others.
void stream_write(std::uint64_t* data, std::size_t count, std::uint64_t value, std::uint64_t passes,
                  const Traversal& way = {});

void stream_write_scalar(std::uint64_t* data, std::size_t count, std::uint64_t value,
                         std::uint64_t passes);

}  // namespace mb

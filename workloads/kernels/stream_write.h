// Write: fills a slice with one value. Two stores: the plain one, which first fetches each line
// into the cache (write-allocate) unless the CPU sees that whole lines are written, and the
// streaming one, which goes past the caches.
//
// Named bytes (STREAM rule): 8 x count x passes, all written; write-allocate is not counted.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mb {

// data[0, count) = value, `passes` times over. Any alignment of whole words.
void stream_write(std::uint64_t* data, std::size_t count, std::uint64_t value,
                  std::uint64_t passes);

// The same by non-temporal stores, fenced before it returns: what it wrote is visible to others.
void stream_write_streaming(std::uint64_t* data, std::size_t count, std::uint64_t value,
                            std::uint64_t passes);

void stream_write_scalar(std::uint64_t* data, std::size_t count, std::uint64_t value,
                         std::uint64_t passes);

}  // namespace mb

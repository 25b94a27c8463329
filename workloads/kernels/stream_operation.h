// The stream kernels by name: STREAM's four, and read and write alone, as one table of what each
// reads, writes and must leave behind. Whoever times them counts bytes from here and nowhere else.
#pragma once
#include <cstddef>
#include <cstdint>

#include "workloads/kernels/traversal.h"

namespace mb {

enum class StreamOperation { kRead, kWrite, kCopy, kScale, kAdd, kTriad };

// Arrays of 8-byte elements that the operation goes over; the first is the one that it writes.
int arrays_of(StreamOperation operation);
bool stores(StreamOperation operation);

// The arrays of one thread, `pitch` elements from one to the next; the operation goes over the
// first `count` elements of each.
struct StreamSlices {
  std::byte* data = nullptr;
  std::size_t pitch = 0, count = 0;
};

// Gives the arrays the contents that run() expects and is_right() knows.
void fill(StreamOperation operation, const StreamSlices& slices);

// `passes` times over all elements. Returns the sum of what a read read, else 0.
std::uint64_t run(StreamOperation operation, const StreamSlices& slices, std::uint64_t passes,
                  const Traversal& way);

// After going over `elements` of each array in turn, from the first and round and round: whether
// the written array holds the result as far as it was reached, or `sum` is what the reads add up
// to.
bool is_right(StreamOperation operation, const StreamSlices& slices, std::uint64_t sum,
              std::uint64_t elements);

}  // namespace mb

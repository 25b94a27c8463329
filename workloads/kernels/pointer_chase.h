// A chain of dependent loads through every line of a working set, in an order that no prefetcher
// can guess: the time of one step is the load latency of the level that holds the set.
//
// The chain is one cycle over all lines in a scrambled order, so that each line is visited once a
// turn. No SIMD: the loads wait for one another, which is the point.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mb {

// One cache line. `ordinal` is its place in the cycle, counted from line 0.
struct alignas(64) ChaseLine {
  const ChaseLine* next = nullptr;
  std::uint64_t ordinal = 0;
};

// Links lines[0, count) into one cycle that starts at lines[0]; the same seed gives the same cycle.
// Needs count >= 2.
void link_chase(ChaseLine* lines, std::size_t count, std::uint64_t seed);

// The line `steps` further on.
const ChaseLine* chase(const ChaseLine* from, std::uint64_t steps);

}  // namespace mb

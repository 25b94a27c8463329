// How a stream kernel goes over its slice. None is best everywhere: on one Zen 3 guest four places
// at once read DRAM 25 % faster than one, on one Zen 4 guest 20 % slower, and there loads of 16
// bytes read DRAM faster than those of 64; so a probe tries them at start and records
// which one it took.
#pragma once
#include <span>
#include <string>

namespace mb {

struct Traversal {
  int streams = 1;                // places gone over at once, evenly apart in the slice
  int unroll = 4;                 // vectors of a stream in one turn of the loop
  int prefetch_bytes = 0;         // how far ahead of its load a line is asked for; 0: not at all
  int vector_bytes = 0;           // of a load or store; 0: as wide as the CPU's instructions
  bool streaming_stores = false;  // non-temporal, past the caches; reads have none
  bool operator==(const Traversal&) const = default;
};

// Those that are compiled, the default first, all with plain stores; each exists with streaming
// stores too. Kernels take any other for the default.
std::span<const Traversal> traversals();

std::string to_string(const Traversal& traversal);  // "streams:4 unroll:2 prefetch:0"

}  // namespace mb

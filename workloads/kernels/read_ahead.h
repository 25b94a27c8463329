// Products of one activation row go at memory's speed and ask for their weights ahead of use, into
// the L2: how far, and for which lines. By the CPU's maker, since it is their prefetchers that this
// works beside.
#pragma once
#include <cstddef>

namespace mb {

struct ReadAhead {
  static constexpr long kLine = 64;  // bytes
  bool every_line;                   // or every other one
  long panel_bytes, row_bytes;       // ahead, in panels of quantised rows and in rows of floats
};

// Never changes, so a kernel takes it once a call.
const ReadAhead& read_ahead();

// Asks for the lines of [at, at + bytes). Inlined by force: files of other instruction sets have
// this too, and none may get another's.
template <long bytes, long step>
[[gnu::always_inline]] inline void ask_for(const std::byte* at) {
#pragma GCC unroll 8
  for (long line = 0; line < bytes; line += step) __builtin_prefetch(at + line, 0, 2);
}

}  // namespace mb

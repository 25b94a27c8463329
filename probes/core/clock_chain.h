// Work whose cycles are known without counters: a chain of additions, each waiting for the one
// before, takes one cycle an addition on every CPU that we know. Vector multiply-adds of a chosen
// width may run beside it, fewer than the units can take, so that the chain still sets the time and
// shows the clock that this width is given.
#pragma once
#include <optional>

namespace mb {

// Additions of one turn; a chain is whole turns.
inline constexpr long kAdditionsPerTurn = 20;

// Whether this CPU has multiply-adds of that width; 0 (none) always.
bool has_vector_bits(int bits);

// Runs `turns` turns beside multiply-adds of 0, 128, 256 or 512 bits (16 a turn).
// Widths that the CPU lacks must not be asked for.
void run_clock_chain(long turns, int vector_bits);

}  // namespace mb

// Register-only multiply-adds: what the arithmetic units do when memory plays no part. Two hardware
// threads of one core share these units, so here they should gain next to nothing.
//
// Each value follows x = 0.5 x + 0.5, whose distance from 1 halves with every step: whatever the
// start (0 to 1.1), it is exactly 1 in f32 after the 64 steps of one pass. A result of 1 shows that
// the steps were made.
#pragma once
#include <cstdint>

namespace mb {

// Runs 64 steps of every chain `passes` times over; returns the mean of all values.
float compute_fma(std::uint64_t passes);

// Floating-point operations of one pass on the chosen target (a multiply-add is two).
double compute_fma_flops_per_pass();

// One value, step by step.
float compute_fma_scalar(std::uint64_t passes);

}  // namespace mb

// Register-only bf16 products, where the CPU has an instruction for them (AVX512-BF16, Arm's
// bfmmla; AMX is left to a library). Each adds 1 * 1 + 1 * -1 to sums of 1, so every sum stays 1.
#pragma once
#include <cstdint>

namespace mb {

struct Bf16Peak {
  float (*run)(std::uint64_t passes) = nullptr;  // returns one of the sums; null: no instruction
  double flops_per_pass = 0;
  const char* isa = "";
};
Bf16Peak bf16_peak();

}  // namespace mb

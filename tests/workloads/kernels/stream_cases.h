// What the tests of the stream kernels share: every instruction set forced in turn, lengths around
// the unrolled loops, and slices that start at odd words with guards on both sides.
#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "workloads/kernels/isa.h"

namespace mb {

class StreamKernelTest : public testing::TestWithParam<std::string> {
 protected:
  StreamKernelTest() : forced_(GetParam()) {}

 private:
  ForcedIsa forced_;
};

inline auto every_isa() { return testing::ValuesIn(supported_isas()); }
inline std::string isa_of(const testing::TestParamInfo<std::string>& info) { return info.param; }

// Eight words a vector (the widest here) times the deepest unrolling, 8: beyond 4N + 1 of any loop.
inline constexpr std::size_t kMostWords = 8 * 8 * 4 + 1;
inline constexpr std::size_t kOffsets[] = {0, 1, 3, 7};
inline constexpr std::size_t kGuard = 8;  // words on each side that must stay as they are

// Room for a slice of `count` words that starts `offset` words after its guard.
template <class T>
std::vector<T> guarded(std::size_t offset, std::size_t count, T value) {
  return std::vector<T>(offset + count + 2 * kGuard, value);
}

}  // namespace mb

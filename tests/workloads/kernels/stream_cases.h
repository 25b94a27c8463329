// What the tests of the stream kernels share: every instruction set forced in turn, every traversal
// with both kinds of store, lengths around the unrolled loops, and slices that start at odd words
// with guards on both sides.
#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "workloads/kernels/isa.h"
#include "workloads/kernels/traversal.h"

namespace mb {

class StreamKernelTest : public testing::TestWithParam<std::string> {
 protected:
  StreamKernelTest() : forced_(GetParam()) {}

 private:
  ForcedIsa forced_;
};

inline auto every_isa() { return testing::ValuesIn(supported_isas()); }
inline std::string isa_of(const testing::TestParamInfo<std::string>& info) { return info.param; }

inline std::vector<Traversal> every_traversal() {
  std::vector<Traversal> all(traversals().begin(), traversals().end());
  for (Traversal way : traversals()) {
    way.streaming_stores = true;
    all.push_back(way);
  }
  return all;
}

// One turn of the longest loop is 8 streams of 2 vectors or 4 of 4, 16 vectors of 8 words (the
// widest here): all lengths up to one turn and some, then a few of several turns.
inline std::vector<std::size_t> stream_counts() {
  std::vector<std::size_t> counts;
  for (std::size_t count = 0; count <= 16 * 8 + 10; ++count) counts.push_back(count);
  for (const std::size_t turns : {2, 3, 4}) {
    for (const std::size_t odd : {0, 1, 9, 77}) counts.push_back(turns * 16 * 8 + odd);
  }
  return counts;
}
inline constexpr std::size_t kOffsets[] = {0, 1, 7};
inline constexpr std::size_t kGuard = 8;  // words on each side that must stay as they are

// Room for a slice of `count` words that starts `offset` words after its guard.
template <class T>
std::vector<T> guarded(std::size_t offset, std::size_t count, T value) {
  return std::vector<T>(offset + count + 2 * kGuard, value);
}

// Calls kernel(to, a, b, count, way) and twin(to, a, b, count) on the same slices of small whole
// numbers and compares all of the target, guards included.
template <class T, class Kernel, class Twin>
void expect_same_as_twin(Kernel kernel, Twin twin) {
  for (const Traversal& way : every_traversal()) {
    for (const std::size_t to_offset : kOffsets) {
      for (const std::size_t from_offset : {std::size_t{0}, std::size_t{5}}) {
        for (const std::size_t count : stream_counts()) {
          std::vector<T> a(from_offset + count), b(from_offset + count);
          for (std::size_t i = 0; i < a.size(); ++i) {
            a[i] = static_cast<T>(3 + i);
            b[i] = static_cast<T>(5000 - 2 * i);
          }
          std::vector<T> to = guarded(to_offset, count, T{7}), expected = to;
          const T* first = a.data() + from_offset;
          const T* second = b.data() + from_offset;
          kernel(to.data() + kGuard + to_offset, first, second, count, way);
          twin(expected.data() + kGuard + to_offset, first, second, count);
          ASSERT_EQ(to, expected) << to_string(way) << " streaming " << way.streaming_stores
                                  << " count " << count << " offsets " << to_offset << " "
                                  << from_offset;
        }
      }
    }
  }
}

}  // namespace mb

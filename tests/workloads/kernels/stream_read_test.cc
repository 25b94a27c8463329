// The read sum on every instruction set against its scalar twin and a closed form.
#include "workloads/kernels/stream_read.h"

#include <numeric>

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamRead : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamRead, every_isa(), isa_of);

TEST_P(StreamRead, AddsEveryWordOnceForAllLengthsAndOffsets) {
  for (const std::size_t offset : kOffsets) {
    for (const std::size_t count : stream_counts()) {
      // Guards of all ones: a word too many changes the sum.
      std::vector<std::uint64_t> words = guarded(offset, count, ~std::uint64_t{0});
      std::uint64_t* slice = words.data() + kGuard + offset;
      for (std::size_t i = 0; i < count; ++i) slice[i] = 0x9E3779B97F4A7C15U * (i + 1);
      for (const Traversal& way : traversals()) {
        ASSERT_EQ(stream_read(slice, count, 1, way), stream_read_scalar(slice, count, 1))
            << to_string(way) << " count " << count << " offset " << offset;
      }
    }
  }
}

TEST_P(StreamRead, CountsEveryPass) {
  std::vector<std::uint64_t> words(1000);
  std::iota(words.begin(), words.end(), 0U);
  EXPECT_EQ(stream_read(words.data(), words.size(), 0), 0U);
  EXPECT_EQ(stream_read(words.data(), words.size(), 7), 7U * (1000 * 999 / 2));
}

TEST_P(StreamRead, WrapsAroundInsteadOfSaturating) {
  const std::vector<std::uint64_t> words(130, ~std::uint64_t{0});
  EXPECT_EQ(stream_read(words.data(), words.size(), 3), std::uint64_t{0} - 130 * 3);
}

}  // namespace
}  // namespace mb

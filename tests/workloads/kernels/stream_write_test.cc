// Both stores on every instruction set: the slice is filled, nothing beside it is touched.
#include "workloads/kernels/stream_write.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamWrite : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamWrite, every_isa(), isa_of);

using Kernel = void (*)(std::uint64_t*, std::size_t, std::uint64_t, std::uint64_t);

void expect_same_as_twin(Kernel kernel) {
  constexpr std::uint64_t kValue = 0x0123456789ABCDEF, kUntouched = 0x5555555555555555;
  for (const std::size_t offset : kOffsets) {
    for (std::size_t count = 0; count <= kMostWords; ++count) {
      auto words = guarded(offset, count, kUntouched), expected = words;
      kernel(words.data() + kGuard + offset, count, kValue, 1);
      stream_write_scalar(expected.data() + kGuard + offset, count, kValue, 1);
      ASSERT_EQ(words, expected) << "count " << count << " offset " << offset;
    }
  }
}

TEST_P(StreamWrite, PlainStoresFillTheSliceAndNothingElse) { expect_same_as_twin(stream_write); }

TEST_P(StreamWrite, StreamingStoresFillTheSliceAndNothingElse) {
  expect_same_as_twin(stream_write_streaming);
}

TEST_P(StreamWrite, NoPassWritesNothing) {
  std::vector<std::uint64_t> words(64, 1);
  stream_write(words.data(), words.size(), 2, 0);
  stream_write_streaming(words.data(), words.size(), 2, 0);
  EXPECT_EQ(words, std::vector<std::uint64_t>(64, 1));
}

}  // namespace
}  // namespace mb

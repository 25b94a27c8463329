// Both copies on every instruction set against the scalar twin, source and target at odd words.
#include "workloads/kernels/stream_copy.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamCopy : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamCopy, every_isa(), isa_of);

using Kernel = void (*)(std::uint64_t*, const std::uint64_t*, std::size_t, std::uint64_t);

void expect_same_as_twin(Kernel kernel) {
  for (const std::size_t to_offset : kOffsets) {
    for (const std::size_t from_offset : {std::size_t{0}, std::size_t{5}}) {
      for (std::size_t count = 0; count <= kMostWords; ++count) {
        std::vector<std::uint64_t> from(from_offset + count);
        for (std::size_t i = 0; i < from.size(); ++i) from[i] = 1000 + i;
        auto to = guarded(to_offset, count, std::uint64_t{7}), expected = to;
        kernel(to.data() + kGuard + to_offset, from.data() + from_offset, count, 1);
        stream_copy_scalar(expected.data() + kGuard + to_offset, from.data() + from_offset, count,
                           1);
        ASSERT_EQ(to, expected) << "count " << count << " offsets " << to_offset << " "
                                << from_offset;
      }
    }
  }
}

TEST_P(StreamCopy, PlainStoresCopyTheSliceAndNothingElse) { expect_same_as_twin(stream_copy); }

TEST_P(StreamCopy, StreamingStoresCopyTheSliceAndNothingElse) {
  expect_same_as_twin(stream_copy_streaming);
}

TEST_P(StreamCopy, NoPassCopiesNothing) {
  const std::vector<std::uint64_t> from(64, 1);
  std::vector<std::uint64_t> to(64, 2);
  stream_copy(to.data(), from.data(), from.size(), 0);
  stream_copy_streaming(to.data(), from.data(), from.size(), 0);
  EXPECT_EQ(to, std::vector<std::uint64_t>(64, 2));
}

}  // namespace
}  // namespace mb

// Copy on every instruction set and traversal against the scalar twin.
#include "workloads/kernels/stream_copy.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamCopy : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamCopy, every_isa(), isa_of);

TEST_P(StreamCopy, GivesTheTwinsResultAndTouchesNothingElse) {
  using T = std::uint64_t;
  expect_same_as_twin<T>(
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count, const Traversal& way) { stream_copy(to, a, count, 1, way); },
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count) { stream_copy_scalar(to, a, count, 1); });
}

TEST_P(StreamCopy, NoPassCopiesNothing) {
  const std::vector<std::uint64_t> from(64, 1);
  std::vector<std::uint64_t> to(64, 2);
  for (const Traversal& way : every_traversal()) {
    stream_copy(to.data(), from.data(), from.size(), 0, way);
  }
  EXPECT_EQ(to, std::vector<std::uint64_t>(64, 2));
}

}  // namespace
}  // namespace mb

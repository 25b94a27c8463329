// Write on every instruction set and traversal: the slice is filled, nothing beside it is touched.
#include "workloads/kernels/stream_write.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamWrite : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamWrite, every_isa(), isa_of);

TEST_P(StreamWrite, GivesTheTwinsResultAndTouchesNothingElse) {
  using T = std::uint64_t;
  expect_same_as_twin<T>(
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count, const Traversal& way) { stream_write(to, count, 9, 1, way); },
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count) { stream_write_scalar(to, count, 9, 1); });
}

}  // namespace
}  // namespace mb

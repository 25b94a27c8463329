// Add on every instruction set and traversal against the scalar twin.
#include "workloads/kernels/stream_add.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamAdd : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamAdd, every_isa(), isa_of);

TEST_P(StreamAdd, GivesTheTwinsResultAndTouchesNothingElse) {
  using T = double;
  expect_same_as_twin<T>(
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count, const Traversal& way) { stream_add(to, a, b, count, 2, way); },
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count) { stream_add_scalar(to, a, b, count, 2); });
}

}  // namespace
}  // namespace mb

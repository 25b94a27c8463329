// Triad on every instruction set and traversal against the scalar twin. Small whole numbers, so
// that one rounding or two make no difference and results must be equal.
#include "workloads/kernels/stream_triad.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamTriad : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamTriad, every_isa(), isa_of);

TEST_P(StreamTriad, GivesTheTwinsResultAndTouchesNothingElse) {
  using T = double;
  expect_same_as_twin<T>(
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count, const Traversal& way) { stream_triad(to, a, b, 3, count, 2, way); },
      []([[maybe_unused]] T* to, [[maybe_unused]] const T* a, [[maybe_unused]] const T* b,
         std::size_t count) { stream_triad_scalar(to, a, b, 3, count, 2); });
}

}  // namespace
}  // namespace mb

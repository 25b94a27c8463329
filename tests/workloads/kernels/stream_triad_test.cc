// Both triads on every instruction set against the scalar twin. Small whole numbers, so that one
// rounding or two make no difference and results must be equal.
#include "workloads/kernels/stream_triad.h"

#include "tests/workloads/kernels/stream_cases.h"

namespace mb {
namespace {

class StreamTriad : public StreamKernelTest {};
INSTANTIATE_TEST_SUITE_P(EveryIsa, StreamTriad, every_isa(), isa_of);

using Kernel = void (*)(double*, const double*, const double*, double, std::size_t, std::uint64_t);

void expect_same_as_twin(Kernel kernel) {
  for (const std::size_t to_offset : kOffsets) {
    for (const std::size_t from_offset : {std::size_t{0}, std::size_t{5}}) {
      for (std::size_t count = 0; count <= kMostWords; ++count) {
        std::vector<double> a(from_offset + count), b(from_offset + count);
        for (std::size_t i = 0; i < a.size(); ++i) {
          a[i] = static_cast<double>(i);
          b[i] = static_cast<double>(1000 - 2 * static_cast<int>(i));
        }
        auto to = guarded(to_offset, count, -1.0), expected = to;
        kernel(to.data() + kGuard + to_offset, a.data() + from_offset, b.data() + from_offset, 3.0,
               count, 2);
        stream_triad_scalar(expected.data() + kGuard + to_offset, a.data() + from_offset,
                            b.data() + from_offset, 3.0, count, 2);
        ASSERT_EQ(to, expected) << "count " << count << " offsets " << to_offset << " "
                                << from_offset;
      }
    }
  }
}

TEST_P(StreamTriad, PlainStoresGiveTheTwinsResultAndTouchNothingElse) {
  expect_same_as_twin(stream_triad);
}

TEST_P(StreamTriad, StreamingStoresGiveTheTwinsResultAndTouchNothingElse) {
  expect_same_as_twin(stream_triad_streaming);
}

}  // namespace
}  // namespace mb

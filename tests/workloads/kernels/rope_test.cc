#include "workloads/kernels/rope.h"

#include <cmath>

#include "tests/workloads/kernels/every_isa.h"

namespace mb {
namespace {

TEST(Rope, EqualsTheScalarTwinAndKeepsEachPairsLength) {
  for (const long half : {1L, 13L, 64L}) {
    const std::vector<float> x = random_floats(2 * half, 1), angles = random_floats(half, 2, 3);
    std::vector<float> cosines, sines;
    for (const float angle : angles) {
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
    std::vector<float> expected = x;
    rope_scalar(expected.data(), cosines.data(), sines.data(), half);
    on_every_isa([&] {
      std::vector<float> got = x;
      rope(got.data(), cosines.data(), sines.data(), half);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-6F) << i;
      for (std::size_t i = 0; i < cosines.size(); ++i) {
        EXPECT_NEAR(std::hypot(got[i], got[i + cosines.size()]),
                    std::hypot(x[i], x[i + cosines.size()]), 1e-6F);
      }
    });
  }
}

}  // namespace
}  // namespace mb

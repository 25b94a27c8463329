#include "workloads/kernels/add_scaled.h"

#include "tests/workloads/kernels/every_isa.h"

namespace mb {
namespace {

TEST(AddScaled, EqualsTheScalarTwinForOddSizes) {
  for (const long count : {1L, 16L, 77L}) {
    const std::vector<float> x = random_floats(count, 1), y = random_floats(count, 2);
    std::vector<float> expected = x;
    add_scaled_scalar(expected.data(), y.data(), 0.7F, count);
    on_every_isa([&] {
      std::vector<float> got = x;
      add_scaled(got.data(), y.data(), 0.7F, count);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-6F) << i;
    });
  }
}

}  // namespace
}  // namespace mb

#include "workloads/kernels/rms_norm.h"

#include "tests/workloads/kernels/every_isa.h"

namespace mb {
namespace {

TEST(RmsNorm, EqualsTheScalarTwinInPlaceAndForOddSizes) {
  for (const long count : {1L, 17L, 64L, 1151L}) {
    const std::vector<float> x = random_floats(count, 1, 4), weight = random_floats(count, 2);
    std::vector<float> expected(x.size());
    rms_norm_scalar(x.data(), weight.data(), count, expected.data());
    on_every_isa([&] {
      std::vector<float> got = x;
      rms_norm(got.data(), weight.data(), count, got.data());
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5F) << i;
    });
  }
}

}  // namespace
}  // namespace mb

#include "workloads/kernels/gated_activation.h"

#include "tests/workloads/kernels/every_isa.h"

namespace mb {
namespace {

TEST(GatedActivation, EqualsTheScalarTwinAlsoFarOutAndForOddSizes) {
  for (const Activation activation : {Activation::kSilu, Activation::kGelu}) {
    for (const float size : {3.0F, 200.0F}) {
      const std::vector<float> gate = random_floats(77, 1, size), up = random_floats(77, 2);
      std::vector<float> expected(gate.size());
      gated_activation_scalar(activation, gate.data(), up.data(), 77, expected.data());
      on_every_isa([&] {
        std::vector<float> got = gate;
        gated_activation(activation, got.data(), up.data(), 77, got.data());
        for (std::size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], expected[i], 2e-6F * size) << "gate " << gate[i];
        }
      });
    }
  }
}

}  // namespace
}  // namespace mb

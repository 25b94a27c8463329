// Every instruction set against the scalar twin on drawn lengths, offsets and values: ordinary,
// tiny, huge and all equal. DIFFERENTIAL_ROUNDS in the environment draws more; a round is one
// kernel's input on every instruction set, and every element is compared.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/workloads/kernels/every_isa.h"
#include "workloads/kernels/add_scaled.h"
#include "workloads/kernels/gated_activation.h"
#include "workloads/kernels/matmul_rows.h"
#include "workloads/kernels/quantise.h"
#include "workloads/kernels/rms_norm.h"

namespace mb {
namespace {

int rounds_asked_for() {
  const char* text = std::getenv("DIFFERENTIAL_ROUNDS");
  return text == nullptr ? 400 : std::atoi(text);
}

class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  long between(long low, long high) {
    return std::uniform_int_distribution<long>(low, high)(random_);
  }
  // Of one size, chosen among four orders of magnitude; now and then all the same.
  std::vector<float> floats(long count) {
    const float size = std::pow(10.0F, static_cast<float>(between(-2, 1)));
    std::uniform_real_distribution<float> uniform(-size, size);
    std::vector<float> values(static_cast<std::size_t>(count));
    const bool equal = between(0, 15) == 0;
    float value = uniform(random_);
    for (float& each : values) each = equal ? value : (value = uniform(random_));
    return values;
  }

 private:
  std::mt19937 random_;
};

float largest(const std::vector<float>& values) {
  float most = 0;
  for (const float value : values) most = std::max(most, std::abs(value));
  return most;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& expected, float within) {
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], within) << i;
}

void add_scaled_round(Draw& draw) {
  const long offset = draw.between(0, 15), count = draw.between(0, 130);
  const std::vector<float> x = draw.floats(offset + count), y = draw.floats(offset + count);
  std::vector<float> expected = x;
  add_scaled_scalar(expected.data() + offset, y.data() + offset, 0.7F, count);
  on_every_isa([&] {
    std::vector<float> got = x;
    add_scaled(got.data() + offset, y.data() + offset, 0.7F, count);
    expect_near(got, expected, 1e-6F * (largest(x) + largest(y)));
  });
}

void rms_norm_round(Draw& draw) {
  const long offset = draw.between(0, 15), count = draw.between(1, 400);
  const std::vector<float> x = draw.floats(offset + count), weight = draw.floats(count);
  std::vector<float> expected(static_cast<std::size_t>(count));
  rms_norm_scalar(x.data() + offset, weight.data(), count, expected.data());
  on_every_isa([&] {
    std::vector<float> got(expected.size());
    rms_norm(x.data() + offset, weight.data(), count, got.data());
    expect_near(got, expected, 1e-5F * std::max(1e-3F, largest(expected)));
  });
}

void gated_activation_round(Draw& draw) {
  const long count = draw.between(0, 130);
  const Activation activation = draw.between(0, 1) == 0 ? Activation::kSilu : Activation::kGelu;
  const std::vector<float> gate = draw.floats(count), up = draw.floats(count);
  std::vector<float> expected(gate.size());
  gated_activation_scalar(activation, gate.data(), up.data(), count, expected.data());
  on_every_isa([&] {
    std::vector<float> got = gate;
    gated_activation(activation, got.data(), up.data(), count, got.data());
    expect_near(got, expected, 4e-6F * std::max(1e-6F, largest(gate) * largest(up)));
  });
}

struct Quantised {
  explicit Quantised(long columns)
      : values(static_cast<std::size_t>(columns)),
        scales(static_cast<std::size_t>(columns / 32)),
        sums(static_cast<std::size_t>(columns / 16)),
        view{values.data(), scales.data(), sums.data(), columns} {}
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  QuantisedRows view;
};

void quantise_round(Draw& draw) {
  const long blocks = draw.between(1, 20);
  const std::vector<float> x = draw.floats(blocks * 32);
  Quantised expected(blocks * 32);
  quantise_scalar(x.data(), 0, blocks, expected.view);
  on_every_isa([&] {
    Quantised got(blocks * 32);
    quantise(x.data(), 0, blocks, got.view);
    ASSERT_EQ(got.values, expected.values);
    ASSERT_EQ(got.scales, expected.scales);
    ASSERT_EQ(got.sums, expected.sums);
  });
}

void matmul_rows_round(Draw& draw) {
  const long rows = draw.between(1, 9), columns = draw.between(1, 200),
             activations = draw.between(1, 6);
  const FloatType type = static_cast<FloatType>(draw.between(0, 2));
  std::vector<std::byte> data(static_cast<std::size_t>(rows * columns * float_bytes(type)));
  for (long row = 0; row < rows; ++row) {
    fill_row(type, columns, static_cast<std::uint64_t>(row),
             data.data() + row * columns * float_bytes(type));
  }
  const RowMatrix matrix{type, data.data(), rows, columns};
  const std::vector<float> x = draw.floats(activations * columns);
  std::vector<float> expected(static_cast<std::size_t>(activations * rows));
  matmul_rows_scalar(matrix, 0, rows, x.data(), columns, activations, expected.data(), rows);
  on_every_isa([&] {
    std::vector<float> got(expected.size());
    matmul_rows(matrix, 0, rows, x.data(), columns, activations, got.data(), rows);
    expect_near(got, expected, 1e-5F * std::max(1e-6F, 2 * largest(x)));
  });
}

TEST(Differential, EveryInstructionSetEqualsTheScalarTwin) {
  Draw draw(20260103);
  for (int round = 0; round < rounds_asked_for(); ++round) {
    SCOPED_TRACE(round);
    for (const auto kernel : {add_scaled_round, rms_norm_round, gated_activation_round,
                              quantise_round, matmul_rows_round}) {
      kernel(draw);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace mb

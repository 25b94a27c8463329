// Every instruction set against the scalar twin on drawn lengths, offsets and values: ordinary,
// tiny, huge, all equal, full of zeros. A round draws one input of every kernel and gives it to
// every instruction set; every element is compared. DIFFERENTIAL_ROUNDS and DIFFERENTIAL_SEED in
// the environment draw more and others.
//
// Here: the kernels that go over single rows, and the test of all.
#include "tests/workloads/kernels/differential.h"

#include <cstdlib>

#include "tests/workloads/kernels/every_isa.h"
#include "workloads/kernels/add_scaled.h"
#include "workloads/kernels/gated_activation.h"
#include "workloads/kernels/pick_token.h"
#include "workloads/kernels/quantise.h"
#include "workloads/kernels/rms_norm.h"
#include "workloads/kernels/rope.h"

namespace mb {
namespace {

int from_environment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

struct Quantised {
  explicit Quantised(long columns)
      : values(static_cast<std::size_t>(columns)),
        scales(static_cast<std::size_t>(columns / 32)),
        sums(static_cast<std::size_t>(columns / 16)) {}
  QuantisedRows view() {
    return {values.data(), scales.data(), sums.data(), static_cast<long>(values.size())};
  }
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
};

}  // namespace

// Both round the product and the sum, the kernel perhaps both at once.
Check draw_add_scaled(Draw& draw) {
  const long offset = draw.between(0, 15), count = draw.between(0, 130);
  const std::vector<float> x = draw.numbers(offset + count, -30, 30);
  const std::vector<float> y = draw.numbers(offset + count, -30, 30);
  const float factor = draw.numbers(1, -2, 2)[0];
  std::vector<float> expected = x;
  add_scaled_scalar(expected.data() + offset, y.data() + offset, factor, count);
  std::vector<double> bounds;
  for (std::size_t i = 0; i < x.size(); ++i) {
    bounds.push_back(4 * kRounding * (size_of(x[i]) + size_of(factor) * size_of(y[i])) + 1e-44);
  }
  return [=] {
    std::vector<float> got = x;
    add_scaled(got.data() + offset, y.data() + offset, factor, count);
    expect_within(got, expected, bounds);
  };
}

// The sum of squares is off by one rounding a term at most, its root by half of that.
Check draw_rms_norm(Draw& draw) {
  const long offset = draw.between(0, 15), count = draw.between(1, 400);
  const std::vector<float> x = draw.numbers(offset + count, -4, 3);
  const std::vector<float> weight = draw.numbers(count, -2, 1);
  std::vector<float> expected(static_cast<std::size_t>(count));
  rms_norm_scalar(x.data() + offset, weight.data(), count, expected.data());
  std::vector<double> bounds;
  for (const float value : expected) {
    bounds.push_back((static_cast<double>(count) / 2 + 10) * kRounding * size_of(value) + 1e-44);
  }
  return [=] {
    std::vector<float> got(expected.size());
    rms_norm(x.data() + offset, weight.data(), count, got.data());
    expect_within(got, expected, bounds);
  };
}

// z is off by five roundings of itself, so exp(z) by five |z|; the quotient has a handful of its
// own. Beyond 88 the kernel's exp stands still: what is left is below 1e-38 of the gate.
Check draw_gated_activation(Draw& draw) {
  const long count = draw.between(0, 130);
  const Activation activation = draw.one_in(2) ? Activation::kSilu : Activation::kGelu;
  const std::vector<float> gate = draw.numbers(count, -4, 2), up = draw.numbers(count, -4, 2);
  std::vector<float> expected(gate.size());
  gated_activation_scalar(activation, gate.data(), up.data(), count, expected.data());
  std::vector<double> bounds;
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double x = size_of(gate[i]);
    const double z = activation == Activation::kSilu ? x : 1.6 * (x + 0.044715 * x * x * x);
    bounds.push_back((10 + 6 * std::min(z, 88.0)) * kRounding * size_of(expected[i]) +
                     1e-37 * x * size_of(up[i]) + 1e-44);
  }
  return [=] {
    std::vector<float> got = gate;
    gated_activation(activation, got.data(), up.data(), count, got.data());
    expect_within(got, expected, bounds);
  };
}

Check draw_rope(Draw& draw) {
  const long half = draw.between(1, 130);
  const std::vector<float> x = draw.numbers(2 * half, -30, 30);
  const std::vector<float> cosines = draw.numbers(half, 0, 0), sines = draw.numbers(half, 0, 0);
  std::vector<float> expected = x;
  rope_scalar(expected.data(), cosines.data(), sines.data(), half);
  std::vector<double> bounds(x.size());
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    const double a = size_of(x[i]), b = size_of(x[i + cosines.size()]);
    const double c = size_of(cosines[i]), s = size_of(sines[i]);
    bounds[i] = 4 * kRounding * (a * c + b * s) + 1e-44;
    bounds[i + cosines.size()] = 4 * kRounding * (b * c + a * s) + 1e-44;
  }
  return [=] {
    std::vector<float> got = x;
    rope(got.data(), cosines.data(), sines.data(), half);
    expect_within(got, expected, bounds);
  };
}

Check draw_quantise(Draw& draw) {
  const long blocks = draw.between(1, 20);
  const std::vector<float> x = draw.numbers(blocks * 32, -30, 30);
  Quantised expected(blocks * 32);
  quantise_scalar(x.data(), 0, blocks, expected.view());
  return [=] {
    Quantised got(blocks * 32);
    quantise(x.data(), 0, blocks, got.view());
    ASSERT_EQ(got.values, expected.values);
    ASSERT_EQ(got.scales, expected.scales);
    ASSERT_EQ(got.sums, expected.sums);
  };
}

Check draw_argmax(Draw& draw) {
  const long count = draw.between(1, 300);
  const std::vector<float> values = draw.numbers(count, -30, 30);
  const long expected = argmax_scalar(values.data(), count);
  return [=] { ASSERT_EQ(argmax(values.data(), count), expected); };
}

// Has no twin of its own: the search for the next larger value is its one vector loop, and the
// fallback target's is a loop over single values.
Check draw_pick_token(Draw& draw) {
  const long count = draw.between(1, 300);
  const std::vector<float> logits = draw.numbers(count, -1, 1);
  const TokenPicker::Settings settings{draw.between(1, 50), 0.95F, 0.8F};
  const auto pick = [=] { return TokenPicker(count, settings).pick(logits.data()); };
  const ForcedIsa fallback(supported_isas().back());
  return [=, expected = pick()] { ASSERT_EQ(pick(), expected); };
}

TEST(Differential, EveryInstructionSetEqualsTheScalarTwin) {
  const std::vector<Check (*)(Draw&)> kernels{
      draw_add_scaled,   draw_rms_norm,    draw_gated_activation, draw_rope,
      draw_quantise,     draw_argmax,      draw_pick_token,       draw_matmul_rows,
      draw_matmul_bf16,  draw_round_bf16,  draw_append_kv,        draw_matmul_panels,
      draw_attention,    draw_stream_read, draw_stream_write,     draw_stream_copy,
      draw_stream_scale, draw_stream_add,  draw_stream_triad};
  const int rounds = from_environment("DIFFERENTIAL_ROUNDS", 60);
  const int seed = from_environment("DIFFERENTIAL_SEED", 20260103);
  Draw draw(static_cast<unsigned>(seed));
  ASSERT_GT(rounds, 0) << "DIFFERENTIAL_ROUNDS compares nothing";
  int done = 0;
  for (; done < rounds && !HasFailure(); ++done) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << ", round " << done);
    std::vector<Check> checks;
    for (const auto kernel : kernels) checks.push_back(kernel(draw));
    on_every_isa([&] {
      for (std::size_t i = 0; i < checks.size(); ++i) {
        SCOPED_TRACE(testing::Message() << "kernel " << i);
        checks[i]();
      }
    });
  }
  RecordProperty("rounds", done);
  RecordProperty("inputs", std::to_string(static_cast<long>(done) * std::ssize(kernels)));
  RecordProperty("instruction_sets", static_cast<int>(supported_isas().size()));
}

}  // namespace mb

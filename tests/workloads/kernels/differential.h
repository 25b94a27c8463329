// What the differential tests share: drawn numbers, and bounds that come of counting roundings. A
// check owns a drawn input and what the scalar twin made of it; running it holds the kernel, on the
// instruction set that is forced then, against that.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace mb {

using Check = std::function<void()>;

// The largest relative error of one rounding, f32 and f64. A sum of n products in any order, fused
// or not, is within n of them of the sum of the products' magnitudes (Higham, Accuracy and
// Stability of Numerical Algorithms, section 3.1).
inline constexpr double kRounding = 0x1p-24, kDoubleRounding = 0x1p-53;

inline double size_of(float value) { return std::fabs(static_cast<double>(value)); }

class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}

  long between(long low, long high) {
    return std::uniform_int_distribution<long>(low, high)(random_);
  }
  bool one_in(long many) { return between(1, many) == 1; }
  std::uint64_t bits() { return random_(); }
  template <class T>
  const T& among(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(between(0, static_cast<long>(choices.size()) - 1))];
  }

  // Of one size, a power of ten between the two; now and then all the same, or with zeros between.
  template <class T = float>
  std::vector<T> numbers(long count, long least_exponent, long most_exponent) {
    const T size = std::pow(T{10}, static_cast<T>(between(least_exponent, most_exponent)));
    const bool equal = one_in(16), sparse = one_in(16);
    std::vector<T> values(static_cast<std::size_t>(count), size);
    for (T& value : values) {
      // 24 bits of a draw: quicker than uniform_real_distribution, which most of a round would be.
      const std::uint64_t drawn = random_();
      if (!equal) value = size * (static_cast<T>(drawn >> 40) * T{0x1p-23} - 1);
      if (sparse && drawn % 4 == 0) value = 0;
    }
    return values;
  }

 private:
  std::mt19937_64 random_;
};

template <class T>
void expect_within(const std::vector<T>& got, const std::vector<T>& expected,
                   const std::vector<double>& bounds) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double apart = std::fabs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    ASSERT_TRUE(apart <= bounds[i]) << "element " << i << ": " << got[i] << ", the twin has "
                                    << expected[i] << ", bound " << bounds[i];
  }
}

// One drawn input each; differential_*_test.cc.
Check draw_add_scaled(Draw& draw);
Check draw_rms_norm(Draw& draw);
Check draw_gated_activation(Draw& draw);
Check draw_rope(Draw& draw);
Check draw_quantise(Draw& draw);
Check draw_argmax(Draw& draw);
Check draw_pick_token(Draw& draw);
Check draw_matmul_rows(Draw& draw);
Check draw_matmul_bf16(Draw& draw);
Check draw_round_bf16(Draw& draw);
Check draw_matmul_panels(Draw& draw);
Check draw_append_kv(Draw& draw);
Check draw_attention(Draw& draw);
Check draw_stream_read(Draw& draw);
Check draw_stream_write(Draw& draw);
Check draw_stream_copy(Draw& draw);
Check draw_stream_scale(Draw& draw);
Check draw_stream_add(Draw& draw);
Check draw_stream_triad(Draw& draw);

}  // namespace mb

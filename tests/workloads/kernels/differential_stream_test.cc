// Drawn inputs of the stream kernels: any bits, any traversal, both kinds of store, odd starts, and
// guards on both sides that must stay. One operation rounds once, so equal means equal; triad alone
// may round its product apart.
#include <cstring>

#include "tests/workloads/kernels/differential.h"
#include "tests/workloads/kernels/stream_cases.h"
#include "workloads/kernels/stream_add.h"
#include "workloads/kernels/stream_copy.h"
#include "workloads/kernels/stream_read.h"
#include "workloads/kernels/stream_scale.h"
#include "workloads/kernels/stream_triad.h"
#include "workloads/kernels/stream_write.h"

namespace mb {
namespace {

// What every stream kernel is called with, drawn.
template <class T>
struct Slice {
  explicit Slice(Draw& draw)
      : count(static_cast<std::size_t>(draw.between(0, draw.one_in(8) ? 1200 : 200))),
        at(kGuard + static_cast<std::size_t>(draw.between(0, 7))),
        from_at(static_cast<std::size_t>(draw.between(0, 7))),
        passes(static_cast<std::uint64_t>(draw.between(1, 2))) {
    static const std::vector<Traversal> ways = every_traversal();
    way = draw.among(ways);
    a = drawn(draw), b = drawn(draw);
  }

  std::vector<T> drawn(Draw& draw) const {
    const auto many = static_cast<long>(from_at + count);
    if constexpr (std::is_same_v<T, double>) {
      return draw.numbers<double>(many, -300, 300);
    } else {
      std::vector<T> words(from_at + count);
      for (T& word : words) word = draw.bits();
      return words;
    }
  }

  // The target with its guards, after work(target, a, b).
  template <class Work>
  std::vector<T> after(Work work) const {
    std::vector<T> to(at + count + kGuard, T{7});
    work(to.data() + at, a.data() + from_at, b.data() + from_at);
    return to;
  }

  std::size_t count, at, from_at;
  std::uint64_t passes;
  Traversal way;
  std::vector<T> a, b;
};

using Words = Slice<std::uint64_t>;
using Doubles = Slice<double>;

template <class T, class Kernel, class Twin>
Check equal_to_twin(const Slice<T>& slice, Kernel kernel, Twin twin) {
  return [=, expected = slice.after(twin)] {
    const std::vector<T> got = slice.after(kernel);
    ASSERT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(T)), 0)
        << to_string(slice.way) << " streaming " << slice.way.streaming_stores << " count "
        << slice.count << " at " << slice.at << " from " << slice.from_at;
  };
}

}  // namespace

Check draw_stream_read(Draw& draw) {
  const Words s(draw);
  const auto expected = stream_read_scalar(s.a.data() + s.from_at, s.count, s.passes);
  return [=] {
    ASSERT_EQ(stream_read(s.a.data() + s.from_at, s.count, s.passes, s.way), expected)
        << to_string(s.way) << " count " << s.count << " from " << s.from_at;
  };
}

Check draw_stream_write(Draw& draw) {
  const Words s(draw);
  const std::uint64_t value = draw.bits();
  return equal_to_twin(
      s, [=](auto* to, auto*, auto*) { stream_write(to, s.count, value, s.passes, s.way); },
      [=](auto* to, auto*, auto*) { stream_write_scalar(to, s.count, value, s.passes); });
}

Check draw_stream_copy(Draw& draw) {
  const Words s(draw);
  return equal_to_twin(
      s, [=](auto* to, auto* a, auto*) { stream_copy(to, a, s.count, s.passes, s.way); },
      [=](auto* to, auto* a, auto*) { stream_copy_scalar(to, a, s.count, s.passes); });
}

Check draw_stream_scale(Draw& draw) {
  const Doubles s(draw);
  const double by = draw.numbers<double>(1, -3, 3)[0];
  return equal_to_twin(
      s, [=](auto* to, auto* a, auto*) { stream_scale(to, a, by, s.count, s.passes, s.way); },
      [=](auto* to, auto* a, auto*) { stream_scale_scalar(to, a, by, s.count, s.passes); });
}

Check draw_stream_add(Draw& draw) {
  const Doubles s(draw);
  return equal_to_twin(
      s, [=](auto* to, auto* a, auto* b) { stream_add(to, a, b, s.count, s.passes, s.way); },
      [=](auto* to, auto* a, auto* b) { stream_add_scalar(to, a, b, s.count, s.passes); });
}

Check draw_stream_triad(Draw& draw) {
  const Doubles s(draw);
  const double by = draw.numbers<double>(1, -3, 3)[0];
  const std::vector<double> expected = s.after(
      [&](auto* to, auto* a, auto* b) { stream_triad_scalar(to, a, b, by, s.count, s.passes); });
  std::vector<double> bounds(expected.size());  // guards: exactly what they were
  for (std::size_t i = 0; i < s.count; ++i) {
    const double a = std::fabs(s.a[s.from_at + i]), b = std::fabs(by * s.b[s.from_at + i]);
    bounds[s.at + i] = 4 * kDoubleRounding * (a + b) + 1e-320;
  }
  return [=] {
    expect_within(s.after([&](auto* to, auto* a, auto* b) {
      stream_triad(to, a, b, by, s.count, s.passes, s.way);
    }),
                  expected, bounds);
  };
}

}  // namespace mb

// Drawn inputs of the kernels that multiply: rows, panels, attention and its cache. The twins add
// up in f64, so the bound of a kernel is that of its own f32 sum.
#include <algorithm>
#include <cstring>

#include "tests/workloads/kernels/differential.h"
#include "workloads/kernels/attention.h"
#include "workloads/kernels/half.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/matmul_panels.h"
#include "workloads/kernels/matmul_panels_variants.h"
#include "workloads/kernels/matmul_rows.h"

namespace mb {
namespace {

template <class T>
std::size_t as_size(T value) {
  return static_cast<std::size_t>(value);
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float value : values) most = std::max(most, size_of(value));
  return most;
}

}  // namespace

Check draw_matmul_rows(Draw& draw) {
  const long rows = draw.between(1, 9), columns = draw.between(1, 160);
  const long activations = draw.between(1, 6), x_stride = columns + draw.between(0, 5);
  const FloatType type = draw.among<FloatType>({FloatType::kF32, FloatType::kF16});
  const long row_bytes = columns * float_bytes(type);
  std::vector<std::byte> data(as_size(rows * row_bytes));
  for (long row = 0; row < rows; ++row) {
    fill_row(type, columns, draw.bits(), data.data() + row * row_bytes);
  }
  const std::vector<float> x = draw.numbers(activations * x_stride, -4, 4);
  std::vector<float> expected(as_size(activations * rows));
  std::vector<double> bounds;
  const RowMatrix drawn{type, data.data(), rows, columns};
  matmul_rows_scalar(drawn, 0, rows, x.data(), x_stride, activations, expected.data(), rows);
  for (long s = 0; s < activations; ++s) {
    for (long row = 0; row < rows; ++row) {
      double sum = 0;
      for (long c = 0; c < columns; ++c) {
        sum += size_of(row_weight(drawn, row, c)) * size_of(x[as_size(s * x_stride + c)]);
      }
      bounds.push_back(static_cast<double>(columns + 2) * kRounding * sum + 1e-44);
    }
  }
  return [=] {
    const RowMatrix matrix{type, data.data(), rows, columns};
    std::vector<float> got(expected.size());
    matmul_rows(matrix, 0, rows, x.data(), x_stride, activations, got.data(), rows);
    expect_within(got, expected, bounds);
  };
}

// Products of two bf16 are exact in f32; values and products below 2^-126 may be dropped.
Check draw_matmul_bf16(Draw& draw) {
  const long rows = draw.between(1, 40), columns = draw.between(1, 160);
  const long activations = draw.between(1, 14);
  std::vector<std::byte> data(as_size(rows * columns * 2));
  for (long row = 0; row < rows; ++row) {
    fill_row(FloatType::kBF16, columns, draw.bits(), data.data() + row * columns * 2);
  }
  const std::vector<float> x = draw.numbers(activations * columns, -4, 4);
  std::vector<std::uint16_t> values(x.size());
  round_bf16_scalar(x.data(), std::ssize(x), values.data());
  std::vector<float> expected(as_size(activations * rows));
  std::vector<double> bounds;
  const RowMatrix drawn{FloatType::kBF16, data.data(), rows, columns};
  matmul_bf16_scalar(drawn, 0, rows, {values.data(), columns}, activations, expected.data(), rows);
  for (long s = 0; s < activations; ++s) {
    for (long row = 0; row < rows; ++row) {
      double sum = 0;
      for (long c = 0; c < columns; ++c) {
        sum += size_of(row_weight(drawn, row, c)) *
               size_of(f32_from_bf16(values[as_size(s * columns + c)]));
      }
      bounds.push_back(static_cast<double>(columns + 2) * (kRounding * sum + 0x1p-125));
    }
  }
  return [=] {
    const RowMatrix matrix{FloatType::kBF16, data.data(), rows, columns};
    std::vector<std::uint16_t> own = values;
    for (const bool intrinsics : {true, false}) {
      allow_intrinsics(intrinsics);
      std::vector<float> got(expected.size());
      matmul_bf16(matrix, 0, rows, {own.data(), columns}, activations, got.data(), rows);
      expect_within(got, expected, bounds);
    }
    allow_intrinsics(true);
  };
}

// The values and one that they leave alone.
Check draw_round_bf16(Draw& draw) {
  const std::vector<float> x = draw.numbers(draw.between(1, 100), -30, 30);
  std::vector<std::uint16_t> expected(x.size() + 1, 7);
  round_bf16_scalar(x.data(), std::ssize(x), expected.data());
  return [=] {
    std::vector<std::uint16_t> got(expected.size(), 7);
    round_bf16(x.data(), std::ssize(x), got.data());
    ASSERT_EQ(got, expected);
  };
}

namespace {

struct Panels {
  Panels(Draw& draw, PanelType wanted, long weight_rows, long weight_columns, long activation_rows)
      : type(wanted),
        rows(weight_rows),
        columns(weight_columns),
        activations(activation_rows),
        weights(as_size(panel_count(rows) * panel_bytes(type, columns))),
        values(as_size(activations * columns)),
        scales(as_size(activations * columns / 32)),
        sums(as_size(activations * columns / 16)) {
    for (long panel = 0; panel < panel_count(rows); ++panel) {
      std::byte* at = weights.data() + panel * panel_bytes(type, columns);
      fill_panel(type, columns, draw.bits(), at);
      if (!draw.one_in(8)) continue;  // a block's weights all alike, the largest among them
      std::memset(at + values_at(type, draw.between(0, columns / kBlockColumns - 1)),
                  static_cast<int>(draw.among<long>({0, 0x7F, 0x80, 0xFF})),
                  as_size(panel_value_bytes(type)));
    }
    const std::vector<float> x = draw.numbers(activations * columns, -4, 4);
    for (long s = 0; s < activations; ++s) {
      quantise_scalar(x.data() + s * columns, 0, columns / 32, activation_view().row(s));
    }
  }

  QuantisedRows activation_view() const {  // the kernels read it only
    return {const_cast<std::int8_t*>(values.data()), const_cast<float*>(scales.data()),
            const_cast<std::int32_t*>(sums.data()), columns};
  }
  PanelMatrix matrix() const { return {type, weights.data(), rows, columns}; }

  template <class Multiply>
  std::vector<float> product(Multiply multiply) const {
    std::vector<float> out(as_size(activations * rows), -77.0F);
    multiply(matrix(), 0, panel_count(rows), activation_view(), activations, out.data(), rows);
    return out;
  }

  // Integer sums are exact; each block adds its scale's roundings and a sum's. q4_k takes its
  // minima off apart, so there each weight counts as the largest of its row, twice.
  std::vector<double> bounds() const {
    std::vector<double> sizes(as_size(rows * columns));
    for (long r = 0; r < rows; ++r) {
      double* row = sizes.data() + r * columns;
      for (long c = 0; c < columns; ++c) row[c] = size_of(panel_weight(matrix(), r, c));
      if (type == PanelType::kQ4_K) {
        std::fill_n(row, columns, 2 * *std::max_element(row, row + columns));
      }
    }
    std::vector<double> made;
    for (long s = 0; s < activations; ++s) {
      const QuantisedRows x = activation_view().row(s);
      for (long r = 0; r < rows; ++r) {
        double sum = 0;
        for (long c = 0; c < columns; ++c) {
          sum +=
              sizes[as_size(r * columns + c)] * size_of(x.scales[c / 32]) * std::abs(x.values[c]);
        }
        made.push_back((2 * static_cast<double>(columns / 32) + 8) * kRounding * sum + 1e-44);
      }
    }
    return made;
  }

  PanelType type;
  long rows, columns, activations;
  std::vector<std::byte> weights;
  std::vector<std::int8_t> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
};

}  // namespace

// Both with and without the files of intrinsics; their variants all, which no forced instruction
// set chooses among.
Check draw_matmul_panels(Draw& draw) {
  const PanelType type = draw.among<PanelType>(
      {PanelType::kQ4_0, PanelType::kQ8_0, PanelType::kQ6_K, PanelType::kQ4_K});
  const long columns = has_super_blocks(type) ? 256 : 32 * draw.between(1, 8);
  const Panels panels(draw, type, draw.between(1, 33), columns, draw.between(1, 5));
  const std::vector<float> expected = panels.product(matmul_panels_scalar);
  return [=, bounds = panels.bounds()] {
    for (const bool intrinsics : {true, false}) {
      allow_intrinsics(intrinsics);
      expect_within(panels.product(matmul_panels), expected, bounds);
    }
    allow_intrinsics(true);
    for (const PanelVariant* variant : panel_variants()) {
      if (variant->supported) expect_within(panels.product(variant->run), expected, bounds);
    }
  };
}

// Without an instruction for f16 (SSE4 and below) Highway truncates: one last place.
Check draw_append_kv(Draw& draw) {
  const KvType type = draw.among<KvType>({KvType::kF16, KvType::kF32, KvType::kQ8_0});
  const long size = draw.among<long>({64, 96, 128, 256}), position = draw.between(0, 63);
  const std::vector<float> key = draw.numbers(size, -4, 4), value = draw.numbers(size, -4, 4);
  const auto append = [=](auto append_to) {
    std::vector<std::byte> bytes(as_size(2 * kv_head_bytes(type, size, 64)));
    append_to(KvHead{type, bytes.data(), bytes.data() + bytes.size() / 2, size}, position,
              key.data(), value.data());
    return bytes;
  };
  return [=, expected = append(append_kv_scalar)] {
    const std::vector<std::byte> got = append(append_kv);
    if (type != KvType::kF16) {
      ASSERT_EQ(got, expected);
      return;
    }
    for (std::size_t i = 0; i < got.size(); i += 2) {
      std::uint16_t half, twin;
      std::memcpy(&half, got.data() + i, 2);
      std::memcpy(&twin, expected.data() + i, 2);
      const float wanted = f32_from_f16(twin);  // a last place is 2^-10 of it, or 2^-24
      ASSERT_NEAR(f32_from_f16(half), wanted, std::fabs(wanted) * 0x1p-10F + 0x1p-24F) << i / 2;
    }
  };
}

namespace {

struct Cached {
  Cached(Draw& draw, KvType wanted, long head_size, long cached, long token_count, long group_size,
         long seen)
      : type(wanted),
        size(head_size),
        first_position(cached),
        tokens(token_count),
        group(group_size),
        window(seen) {
    const long positions = first_position + tokens;
    const long capacity = (positions + kAttentionTile - 1) / kAttentionTile * kAttentionTile;
    keys.resize(as_size(kv_head_bytes(type, size, capacity)));
    values.resize(keys.size());
    queries = draw.numbers(tokens * group * size, -2, 0);
    const std::vector<float> k = draw.numbers(positions * size, -2, 0);
    const std::vector<float> v = draw.numbers(positions * size, -2, 1);
    for (long p = 0; p < positions; ++p) {
      append_kv_scalar(head(), p, k.data() + p * size, v.data() + p * size);
    }
    // A score is a sum of `size` products, at most the two largest elements' each; an error of it
    // is that of a weight. q8_0 is read with one rounding more.
    const double scores = largest(queries) * largest(k) * std::sqrt(static_cast<double>(size));
    const double of_scores = static_cast<double>(size + 6) * kRounding * 1.01 * scores;
    bound =
        1.01 * largest(v) *
            (2 * std::expm1(of_scores) + (2 * static_cast<double>(positions) + 20) * kRounding) +
        1e-44;
  }

  KvHead head() const {  // attention reads it only
    return {type, const_cast<std::byte*>(keys.data()), const_cast<std::byte*>(values.data()), size};
  }
  QueryBlock block() const {
    return {queries.data(), group * size, tokens, group, first_position, window};
  }

  // Split into parts of `part` positions, then merged.
  std::vector<float> attended(long part) const {
    const long end = first_position + tokens, rows = tokens * group;
    const long count = (end + part - 1) / part, part_floats = rows * (size + 2);
    std::vector<float> storage(as_size(count * part_floats)), out(queries.size());
    const auto partial = [&](long i) {
      float* at = storage.data() + i * part_floats;
      return AttentionPartial{at, at + rows * size, at + rows * (size + 1)};
    };
    for (long i = 0; i < count; ++i) {
      attention(head(), block(), i * part, std::min((i + 1) * part, end), partial(i));
    }
    merge_attention(partial(0), part_floats, count, size, tokens, group, out.data(), group * size);
    return out;
  }

  KvType type;
  long size, first_position, tokens, group, window;
  std::vector<std::byte> keys, values;
  std::vector<float> queries;
  double bound = 0;
};

}  // namespace

Check draw_attention(Draw& draw) {
  const KvType type = draw.among<KvType>({KvType::kF16, KvType::kF32, KvType::kQ8_0});
  const long size = draw.among<long>(type == KvType::kQ8_0 ? std::vector<long>{32, 64, 128}
                                                           : std::vector<long>{16, 64, 80, 128});
  const long window = draw.one_in(3) ? draw.between(1, 80) : 0;
  const Cached cached(draw, type, size, draw.between(0, draw.one_in(4) ? 150 : 40),
                      draw.between(1, 4), draw.between(1, 4), window);
  const long part = kAttentionTile * draw.between(1, 3);
  std::vector<float> expected(cached.queries.size());
  attention_scalar(cached.head(), cached.block(), expected.data());
  return [=, bounds = std::vector<double>(expected.size(), cached.bound)] {
    expect_within(cached.attended(part), expected, bounds);
  };
}

}  // namespace mb

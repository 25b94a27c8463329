#include "workloads/kernels/attention.h"

#include <cmath>
#include <cstring>

#include "tests/workloads/kernels/every_isa.h"
#include "workloads/kernels/half.h"

namespace mb {
namespace {

// One KV head filled with random positions, and a block of queries that stand at its end.
struct Scene {
  Scene(KvType type, long head_size, long cached, long tokens, long group, long window)
      : capacity((cached + tokens + kAttentionTile - 1) / kAttentionTile * kAttentionTile),
        keys(static_cast<std::size_t>(kv_head_bytes(type, head_size, capacity))),
        values(keys.size()),
        queries(random_floats(tokens * group * head_size, 3, 2)),
        head{type, keys.data(), values.data(), head_size},
        block{queries.data(), group * head_size, tokens, group, cached, window} {
    for (long p = 0; p < cached + tokens; ++p) {
      const auto seed = static_cast<unsigned>(100 + 2 * p);
      append_kv_scalar(head, p, random_floats(head_size, seed, 2).data(),
                       random_floats(head_size, seed + 1).data());
    }
  }

  // Split into parts of `part` positions each, then merged.
  std::vector<float> run(long part) const {
    const long end = block.first_position + block.tokens, size = head.head_size;
    const long count = (end + part - 1) / part, part_floats = block.rows() * (size + 2);
    std::vector<float> storage(static_cast<std::size_t>(count * part_floats));
    const auto partial = [&](long i) {
      float* at = storage.data() + i * part_floats;
      return AttentionPartial{at, at + block.rows() * size, at + block.rows() * (size + 1)};
    };
    for (long i = 0; i < count; ++i) {
      attention(head, block, i * part, std::min((i + 1) * part, end), partial(i));
    }
    std::vector<float> out(queries.size(), -77.0F);
    merge_attention(partial(0), part_floats, count, size, block.tokens, block.group, out.data(),
                    block.token_stride);
    return out;
  }

  long capacity;
  std::vector<std::byte> keys, values;
  std::vector<float> queries;
  KvHead head;
  QueryBlock block;
};

void expect_equal_on_every_isa(const Scene& scene) {
  std::vector<float> expected(scene.queries.size());
  attention_scalar(scene.head, scene.block, expected.data());
  on_every_isa([&] {
    for (const long part : {64L, 192L, 100000L}) {
      SCOPED_TRACE(part);
      const std::vector<float> got = scene.run(part);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-5F) << i;
    }
  });
}

TEST(Attention, OfOneTokenEqualsTheScalarTwinForEveryGroupSize) {
  for (const long group : {1L, 2L, 3L, 4L, 6L, 7L, 8L}) {
    SCOPED_TRACE(group);
    expect_equal_on_every_isa(Scene(KvType::kF16, 64, 200, 1, group, 0));
  }
}

TEST(Attention, OfABlockOfTokensIsCausal) {
  expect_equal_on_every_isa(Scene(KvType::kF16, 64, 100, 8, 4, 0));
  expect_equal_on_every_isa(Scene(KvType::kF16, 64, 0, 29, 1, 0));
  expect_equal_on_every_isa(Scene(KvType::kF16, 64, 63, 5, 3, 0));
}

TEST(Attention, SeesNoMoreThanTheWindow) {
  expect_equal_on_every_isa(Scene(KvType::kF16, 64, 200, 1, 4, 70));
  expect_equal_on_every_isa(Scene(KvType::kF16, 64, 130, 8, 2, 16));
}

TEST(Attention, TakesF32CachesAndOtherHeadSizes) {
  expect_equal_on_every_isa(Scene(KvType::kF32, 128, 90, 3, 4, 0));
  expect_equal_on_every_isa(Scene(KvType::kF16, 256, 70, 2, 4, 0));
  expect_equal_on_every_isa(Scene(KvType::kF16, 80, 70, 2, 2, 0));
}

TEST(Attention, TakesQuantisedCaches) {
  expect_equal_on_every_isa(Scene(KvType::kQ8_0, 128, 90, 3, 4, 0));
  expect_equal_on_every_isa(Scene(KvType::kQ8_0, 64, 200, 1, 8, 0));
  expect_equal_on_every_isa(Scene(KvType::kQ8_0, 256, 70, 2, 2, 40));
}

TEST(Attention, OfAQuantisedCacheIsNearThatOfTheValuesItKeeps) {
  const Scene exact(KvType::kF32, 128, 150, 2, 4, 0), quantised(KvType::kQ8_0, 128, 150, 2, 4, 0);
  const std::vector<float> expected = exact.run(64), got = quantised.run(64);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(static_cast<double>(got[i] - expected[i]), 2);
    size += std::pow(static_cast<double>(expected[i]), 2);
  }
  EXPECT_LT(std::sqrt(error / size), 0.05);
  // 32 values in 34 bytes.
  EXPECT_EQ(kv_head_bytes(KvType::kQ8_0, 128, 64), 64 * 128 / 32 * 34);
}

TEST(Attention, OfNoCachedPositionIsTheValueItself) {
  const Scene scene(KvType::kF32, 64, 0, 1, 1, 0);
  const std::vector<float> value = random_floats(64, 101);
  on_every_isa([&] {
    const std::vector<float> got = scene.run(64);
    for (std::size_t j = 0; j < 64; ++j) EXPECT_FLOAT_EQ(got[j], value[j]);
  });
}

// Where the instruction set has no f16 (SSE4 and below) Highway truncates in integers: a last
// place.
TEST(AppendKv, EqualsTheScalarTwinWithinOneLastPlaceAndTouchesNothingElse) {
  const auto bytes = static_cast<std::size_t>(kv_head_bytes(KvType::kF16, 80, 64));
  std::vector<std::byte> keys(bytes), values(bytes);
  const std::vector<float> key = random_floats(80, 1, 9), value = random_floats(80, 2);
  append_kv_scalar({KvType::kF16, keys.data(), values.data(), 80}, 21, key.data(), value.data());
  const auto half = [](const std::vector<std::byte>& from, std::size_t i) {
    std::uint16_t bits;
    std::memcpy(&bits, from.data() + 2 * i, 2);
    return f32_from_f16(bits);
  };
  on_every_isa([&] {
    std::vector<std::byte> got_keys(bytes), got_values(bytes);
    append_kv({KvType::kF16, got_keys.data(), got_values.data(), 80}, 21, key.data(), value.data());
    for (std::size_t i = 0; i < bytes / 2; ++i) {
      const float k = half(keys, i), v = half(values, i);
      ASSERT_NEAR(half(got_keys, i), k, std::fabs(k) * 0x1p-10F) << i;
      ASSERT_NEAR(half(got_values, i), v, std::fabs(v) * 0x1p-10F) << i;
    }
  });
}

}  // namespace
}  // namespace mb

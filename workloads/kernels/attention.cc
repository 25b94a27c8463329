// Both products, query x key and probability x value, are the same register block: up to four rows
// of broadcast scalars times two vectors, over head_size elements or over a tile's positions.
#include "workloads/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "workloads/kernels/fixed_width.h"
#include "workloads/kernels/half.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "workloads/kernels/attention.cc"
#include <hwy/foreach_target.h>
// foreach_target must come before highway.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#include "workloads/kernels/exp-inl.h"

using DF = hn::CappedTag<float, kKeyPanel>;
using VF = hn::Vec<DF>;

HWY_INLINE VF load_wide(const float* at) { return hn::LoadU(DF(), at); }
HWY_INLINE VF load_wide(const hwy::float16_t* at) {
  const hn::Rebind<hwy::float16_t, DF> narrow;
  return hn::PromoteTo(DF(), hn::LoadU(narrow, at));
}

// c[r][v] = factors[r] * c[r][v] + sum over k < depth of a[r][k] * b_v[k * b_stride]; without
// factors c is overwritten.
template <int rows, int vectors, class T>
HWY_INLINE void multiply_block(const float* HWY_RESTRICT a, long a_stride, long depth,
                               const T* const (&b)[2], long b_stride, const float* factors,
                               float* HWY_RESTRICT c, long c_stride) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  VF sums[rows][vectors];
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      sums[r][v] = factors == nullptr ? hn::Zero(d)
                                      : hn::Mul(hn::Set(d, factors[r]),
                                                hn::LoadU(d, c + r * c_stride + v * lanes));
    }
  }
  for (long k = 0; k < depth; ++k) {
    VF right[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) right[v] = load_wide(b[v] + k * b_stride);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const VF left = hn::Set(d, a[r * a_stride + k]);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      hn::StoreU(sums[r][v], d, c + r * c_stride + v * lanes);
    }
  }
}

template <int vectors, class T>
HWY_INLINE void multiply_rows(long rows, const float* a, long a_stride, long depth,
                              const T* const (&b)[2], long b_stride, const float* factors, float* c,
                              long c_stride) {
  long r = 0;
  const auto at = [&](long row) { return factors == nullptr ? nullptr : factors + row; };
  for (; r + 4 <= rows; r += 4) {
    multiply_block<4, vectors>(a + r * a_stride, a_stride, depth, b, b_stride, at(r),
                               c + r * c_stride, c_stride);
  }
  if (r + 2 <= rows) {
    multiply_block<2, vectors>(a + r * a_stride, a_stride, depth, b, b_stride, at(r),
                               c + r * c_stride, c_stride);
    r += 2;
  }
  if (r < rows) {
    multiply_block<1, vectors>(a + r * a_stride, a_stride, depth, b, b_stride, at(r),
                               c + r * c_stride, c_stride);
  }
}

struct Scratch {
  HWY_ALIGN float queries[kMaxAttentionRows * kMaxHeadSize];
  HWY_ALIGN float scores[kMaxAttentionRows * kAttentionTile];
  float factors[kMaxAttentionRows];
};

template <class T>
HWY_INLINE void tile_scores(const KvHead& head, long rows, long first, long count, Scratch& s) {
  const long lanes = static_cast<long>(hn::Lanes(DF()));
  const T* keys = reinterpret_cast<const T*>(head.keys);
  const auto panel = [&](long p) {
    return keys + p / kKeyPanel * kKeyPanel * head.head_size + p % kKeyPanel;
  };
  // Whole pairs of vectors: positions past `count` are inside the capacity and masked later.
  for (long p = 0; p < count; p += 2 * lanes) {
    const T* const b[2] = {panel(first + p), panel(first + p + lanes)};
    multiply_rows<2>(rows, s.queries, head.head_size, head.head_size, b, kKeyPanel, nullptr,
                     s.scores + p, kAttentionTile);
  }
}

// Scores of one row become probabilities relative to the running maximum; what the row does not see
// (outside [low, high) of the tile) becomes zero.
HWY_INLINE void tile_softmax(float* scores, long low, long high, float& maximum, float& weight,
                             float& factor) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  constexpr float kHidden = -std::numeric_limits<float>::infinity();
  if (low >= high) {
    std::fill(scores, scores + kAttentionTile, 0.0F);
    factor = 1;
    return;
  }
  std::fill(scores, scores + low, kHidden);
  std::fill(scores + high, scores + kAttentionTile, kHidden);
  VF largest = hn::Set(d, maximum);
  for (long p = 0; p < kAttentionTile; p += lanes) {
    largest = hn::Max(largest, hn::LoadU(d, scores + p));
  }
  largest = hn::MaxOfLanes(d, largest);
  VF sum = hn::Zero(d);
  for (long p = 0; p < kAttentionTile; p += lanes) {
    const VF probability = fast_exp(d, hn::Sub(hn::LoadU(d, scores + p), largest));
    hn::StoreU(probability, d, scores + p);
    sum = hn::Add(sum, probability);
  }
  factor = hn::GetLane(fast_exp(d, hn::Sub(hn::Set(d, maximum), largest)));
  weight = weight * factor + hn::GetLane(hn::SumOfLanes(d, sum));
  maximum = hn::GetLane(largest);
}

template <class T>
HWY_INLINE void tile_values(const KvHead& head, long rows, long first, long count, const Scratch& s,
                            float* out) {
  const long lanes = static_cast<long>(hn::Lanes(DF())), size = head.head_size;
  const T* values = reinterpret_cast<const T*>(head.values) + first * size;
  long j = 0;
  for (; j + 2 * lanes <= size; j += 2 * lanes) {
    const T* const b[2] = {values + j, values + j + lanes};
    multiply_rows<2>(rows, s.scores, kAttentionTile, count, b, size, s.factors, out + j, size);
  }
  for (; j < size; j += lanes) {
    const T* const b[2] = {values + j, nullptr};
    multiply_rows<1>(rows, s.scores, kAttentionTile, count, b, size, s.factors, out + j, size);
  }
}

// A tile of a q8_0 cache as f32, in the layouts of an f32 cache.
struct Unpacked {
  HWY_ALIGN float keys[kAttentionTile * kMaxHeadSize];
  HWY_ALIGN float values[kAttentionTile * kMaxHeadSize];
};

HWY_INLINE VF load_scales(const std::byte* at) {
  return load_wide(reinterpret_cast<const hwy::float16_t*>(at));
}

HWY_INLINE void unpack(const std::byte* at, VF scale, float* to) {
  const DF d;
  const hn::Rebind<std::int32_t, DF> wide;
  const hn::Rebind<std::int8_t, DF> narrow;
  const auto bytes = hn::LoadU(narrow, reinterpret_cast<const std::int8_t*>(at));
  hn::StoreU(hn::Mul(hn::ConvertTo(d, hn::PromoteTo(wide, bytes)), scale), d, to);
}

HWY_INLINE void unpack_tile(const KvHead& head, long first, Unpacked& tile) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d)), size = head.head_size;
  const long panel_bytes = kv_head_bytes(KvType::kQ8_0, size, kKeyPanel);
  for (long panel = 0; panel < kAttentionTile / kKeyPanel; ++panel) {
    const long place = (first / kKeyPanel + panel) * panel_bytes;
    const std::byte *keys = head.keys + place, *values = head.values + place;
    const std::byte *key_scales = keys + kKeyPanel * size,
                    *value_scales = values + kKeyPanel * size;
    for (long j = 0; j < size; ++j) {
      for (long p = 0; p < kKeyPanel; p += lanes) {
        const VF scale = load_scales(key_scales + (j / 32 * kKeyPanel + p) * 2);
        unpack(keys + j * kKeyPanel + p, scale, tile.keys + (panel * size + j) * kKeyPanel + p);
      }
    }
    for (long p = 0; p < kKeyPanel; ++p) {
      for (long j = 0; j < size; j += lanes) {
        std::uint16_t half;
        std::memcpy(&half, value_scales + (p * (size / 32) + j / 32) * 2, 2);
        unpack(values + p * size + j, hn::Set(d, f32_from_f16(half)),
               tile.values + (panel * kKeyPanel + p) * size + j);
      }
    }
  }
}

template <class T, bool unpacks = false>
HWY_INLINE void attend(const KvHead& head, const QueryBlock& block, long first, long last,
                       const AttentionPartial& out) {
  Scratch s;
  std::conditional_t<unpacks, Unpacked, char> unpacked;
  const long rows = block.rows(), size = head.head_size;
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  for (long r = 0; r < rows; ++r) {
    const float* from =
        block.queries + r / block.group * block.token_stride + r % block.group * size;
    for (long j = 0; j < size; ++j) s.queries[r * size + j] = from[j] * scale;
    out.maxima[r] = std::numeric_limits<float>::lowest();
    out.weights[r] = 0;
  }
  std::fill(out.values, out.values + rows * size, 0.0F);
  for (long tile = first; tile < last; tile += kAttentionTile) {
    const long count = last - tile < kAttentionTile ? last - tile : kAttentionTile;
    KvHead here = head;
    long at = tile;
    if constexpr (unpacks) {
      unpack_tile(head, tile, unpacked);
      here.keys = reinterpret_cast<std::byte*>(unpacked.keys);
      here.values = reinterpret_cast<std::byte*>(unpacked.values);
      at = 0;
    }
    tile_scores<T>(here, rows, at, count, s);
    for (long r = 0; r < rows; ++r) {
      const long seen = block.first_position + r / block.group + 1;
      const long low = block.window > 0 && seen > block.window ? seen - block.window : 0;
      const long low_here = std::clamp(low - tile, 0L, kAttentionTile);
      const long high_here = std::clamp(seen - tile, 0L, count);
      tile_softmax(s.scores + r * kAttentionTile, low_here, high_here, out.maxima[r],
                   out.weights[r], s.factors[r]);
    }
    tile_values<T>(here, rows, at, count, s, out.values);
  }
}

void attention_vector(const KvHead& head, const QueryBlock& block, long first, long last,
                      const AttentionPartial& out) {
  if (head.type == KvType::kF16) return attend<hwy::float16_t>(head, block, first, last, out);
  if (head.type == KvType::kQ8_0) return attend<float, true>(head, block, first, last, out);
  attend<float>(head, block, first, last, out);
}

void merge_vector(const AttentionPartial& parts, long part_stride, long count, long head_size,
                  long tokens, long group, float* out, long token_stride) {
  const DF d;
  const long lanes = static_cast<long>(hn::Lanes(d));
  for (long r = 0; r < tokens * group; ++r) {
    const float *maxima = parts.maxima + r, *weights = parts.weights + r;
    float maximum = *maxima, weight = 0;
    for (long i = 1; i < count; ++i) maximum = std::max(maximum, maxima[i * part_stride]);
    for (long i = 0; i < count; ++i) {
      weight += weights[i * part_stride] * std::exp(maxima[i * part_stride] - maximum);
    }
    // No weight at all: scores were not numbers, and the result must not look like one.
    const float inverse = weight > 0 ? 1 / weight : std::numeric_limits<float>::quiet_NaN();
    float* to = out + r / group * token_stride + r % group * head_size;
    for (long i = 0; i < count; ++i) {
      const VF factor = hn::Set(d, std::exp(maxima[i * part_stride] - maximum) * inverse);
      const float* from = parts.values + i * part_stride + r * head_size;
      for (long j = 0; j < head_size; j += lanes) {
        const VF before = i == 0 ? hn::Zero(d) : hn::LoadU(d, to + j);
        hn::StoreU(hn::MulAdd(hn::LoadU(d, from + j), factor, before), d, to + j);
      }
    }
  }
}

void append_vector(const KvHead& head, long position, const float* key, const float* value) {
  const DF d;
  const hn::Rebind<hwy::float16_t, DF> narrow;
  const long lanes = static_cast<long>(hn::Lanes(d)), size = head.head_size;
  if (head.type != KvType::kF16) return append_kv_scalar(head, position, key, value);
  hwy::float16_t rounded[kMaxHeadSize];
  auto* values = reinterpret_cast<hwy::float16_t*>(head.values) + position * size;
  for (long j = 0; j < size; j += lanes) {
    hn::StoreU(hn::DemoteTo(narrow, hn::LoadU(d, value + j)), narrow, values + j);
    hn::StoreU(hn::DemoteTo(narrow, hn::LoadU(d, key + j)), narrow, rounded + j);
  }
  auto* keys = reinterpret_cast<hwy::float16_t*>(head.keys) +
               position / kKeyPanel * kKeyPanel * size + position % kKeyPanel;
  for (long j = 0; j < size; ++j) keys[j * kKeyPanel] = rounded[j];
}

}  // namespace HWY_NAMESPACE
}  // namespace mb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mb {

HWY_EXPORT(attention_vector);
HWY_EXPORT(merge_vector);
HWY_EXPORT(append_vector);

void attention(const KvHead& head, const QueryBlock& block, long first, long last,
               const AttentionPartial& out) {
  HWY_DYNAMIC_DISPATCH(attention_vector)(head, block, first, last, out);
}

void merge_attention(const AttentionPartial& parts, long part_stride, long count, long head_size,
                     long tokens, long group, float* out, long token_stride) {
  HWY_DYNAMIC_DISPATCH(merge_vector)
  (parts, part_stride, count, head_size, tokens, group, out, token_stride);
}

void append_kv(const KvHead& head, long position, const float* key, const float* value) {
  HWY_DYNAMIC_DISPATCH(append_vector)(head, position, key, value);
}

namespace {

// Where a q8_0 value and its scale lie in the bytes of its panel of 16 positions.
struct Q8Place {
  long value, scale;
};
Q8Place q8_key(long position, long j, long size) {
  const long p = position % kKeyPanel;
  const long panel = position / kKeyPanel * kv_head_bytes(KvType::kQ8_0, size, kKeyPanel);
  return {panel + j * kKeyPanel + p, panel + kKeyPanel * size + (j / 32 * kKeyPanel + p) * 2};
}
Q8Place q8_value(long position, long j, long size) {
  const long p = position % kKeyPanel;
  const long panel = position / kKeyPanel * kv_head_bytes(KvType::kQ8_0, size, kKeyPanel);
  return {panel + p * size + j, panel + kKeyPanel * size + (p * (size / 32) + j / 32) * 2};
}

float q8_element(const std::byte* data, Q8Place place) {
  std::uint16_t scale;
  std::memcpy(&scale, data + place.scale, 2);
  return f32_from_f16(scale) * static_cast<float>(static_cast<std::int8_t>(data[place.value]));
}

// As GGUF's q8_0: scale = largest magnitude of 32 / 127, stored as f16.
template <class Place>
void append_q8(const float* row, long size, std::byte* data, Place place) {
  for (long block = 0; block < size; block += 32) {
    float largest = 0;
    for (long j = block; j < block + 32; ++j) largest = std::max(largest, std::fabs(row[j]));
    const std::uint16_t scale = f16_from_f32(largest / 127);
    const float inverse = largest > 0 ? 127 / largest : 0;
    for (long j = block; j < block + 32; ++j) {
      const Q8Place at = place(j);
      data[at.value] = static_cast<std::byte>(std::lrintf(row[j] * inverse));
      std::memcpy(data + at.scale, &scale, 2);
    }
  }
}

float element(KvType type, const std::byte* data, long index) {
  if (type == KvType::kF32) {
    float value;
    std::memcpy(&value, data + index * 4, 4);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, data + index * 2, 2);
  return f32_from_f16(bits);
}

void set_element(KvType type, std::byte* data, long index, float value) {
  if (type == KvType::kF32) {
    std::memcpy(data + index * 4, &value, 4);
    return;
  }
  const std::uint16_t bits = f16_from_f32(value);
  std::memcpy(data + index * 2, &bits, 2);
}

long key_index(long position, long j, long head_size) {
  return (position / kKeyPanel * head_size + j) * kKeyPanel + position % kKeyPanel;
}

float key_element(const KvHead& head, long position, long j) {
  const long size = head.head_size;
  if (head.type == KvType::kQ8_0) return q8_element(head.keys, q8_key(position, j, size));
  return element(head.type, head.keys, key_index(position, j, size));
}
float value_element(const KvHead& head, long position, long j) {
  const long size = head.head_size;
  if (head.type == KvType::kQ8_0) return q8_element(head.values, q8_value(position, j, size));
  return element(head.type, head.values, position * size + j);
}

}  // namespace

void append_kv_scalar(const KvHead& head, long position, const float* key, const float* value) {
  const long size = head.head_size;
  if (head.type == KvType::kQ8_0) {
    append_q8(key, size, head.keys, [&](long j) { return q8_key(position, j, size); });
    append_q8(value, size, head.values, [&](long j) { return q8_value(position, j, size); });
    return;
  }
  for (long j = 0; j < head.head_size; ++j) {
    set_element(head.type, head.keys, key_index(position, j, head.head_size), key[j]);
    set_element(head.type, head.values, position * head.head_size + j, value[j]);
  }
}

void attention_scalar(const KvHead& head, const QueryBlock& block, float* out) {
  const long size = head.head_size;
  for (long r = 0; r < block.rows(); ++r) {
    const long offset = r / block.group * block.token_stride + r % block.group * size;
    const long seen = block.first_position + r / block.group + 1;
    const long low = block.window > 0 ? std::max(0L, seen - block.window) : 0;
    std::vector<double> scores;
    for (long p = low; p < seen; ++p) {
      double score = 0;
      for (long j = 0; j < size; ++j) {
        score += static_cast<double>(block.queries[offset + j]) *
                 static_cast<double>(key_element(head, p, j));
      }
      scores.push_back(score / std::sqrt(static_cast<double>(size)));
    }
    const double largest = *std::max_element(scores.begin(), scores.end());
    double weight = 0;
    for (double& score : scores) weight += score = std::exp(score - largest);
    for (long j = 0; j < size; ++j) {
      double sum = 0;
      for (long p = low; p < seen; ++p) {
        sum += scores[static_cast<std::size_t>(p - low)] *
               static_cast<double>(value_element(head, p, j));
      }
      out[offset + j] = static_cast<float>(sum / weight);
    }
  }
}

}  // namespace mb
#endif  // HWY_ONCE

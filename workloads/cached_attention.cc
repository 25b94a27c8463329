// Weights of a softmax sum to one, so equal values give back the value, and any position that is
// left out, counted twice or wrongly scaled moves the result.
#include "workloads/cached_attention.h"

#include <cmath>
#include <random>

#include "data/error.h"
#include "fmt/format.h"

namespace mb {
namespace {

long capacity(const CacheShape& shape) {
  return (shape.positions + kAttentionTile - 1) / kAttentionTile * kAttentionTile;
}

}  // namespace

std::int64_t CacheShape::bytes() const {
  return 2 * kv_heads * kv_head_bytes(type, head_size, capacity(*this));
}

CachedAttention::CachedAttention(const CacheShape& shape, std::byte* memory, Team& team)
    : shape_(shape), memory_(memory), team_(team) {
  const AttentionShape attention{shape.kv_heads, shape.heads / shape.kv_heads, 1,
                                 shape.positions - 1, 0};
  schedule_ = schedule_attention(attention, team.size());
  partials_.resize(
      static_cast<std::size_t>(schedule_.slots * attention.group * (shape.head_size + 2)));
  result_.resize(static_cast<std::size_t>(shape.heads * shape.head_size));
  std::minstd_rand generator(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (std::size_t i = 0; i < result_.size(); ++i) queries_.push_back(uniform(generator));
  team_.run([this](int rank) { fill(rank); });
}

KvHead CachedAttention::head(long index) const {
  const long bytes = kv_head_bytes(shape_.type, shape_.head_size, capacity(shape_));
  return {shape_.type, memory_ + 2 * index * bytes, memory_ + (2 * index + 1) * bytes,
          shape_.head_size};
}

AttentionPartial CachedAttention::partial(long slot) const {
  const long group = shape_.heads / shape_.kv_heads, size = shape_.head_size;
  float* at = partials_.data() + slot * group * (size + 2);
  return {at, at + group * size, at + group * (size + 1)};
}

void CachedAttention::fill(int rank) {
  const auto size = static_cast<std::size_t>(shape_.head_size);
  std::vector<float> key(size);
  const std::vector<float> value(size, kValue);
  std::uint32_t state = static_cast<std::uint32_t>(rank) + 1;
  for (const AttentionPiece& piece : schedule_.pieces[static_cast<std::size_t>(rank)]) {
    const AttentionUnit& unit = schedule_.units[static_cast<std::size_t>(piece.unit)];
    const long tiles = (piece.last_position + kAttentionTile - 1) / kAttentionTile;
    for (long p = piece.first_position; p < tiles * kAttentionTile; ++p) {
      for (float& element : key) {
        state = state * 1664525U + 1013904223U;  // Numerical Recipes' generator
        element = static_cast<float>(state >> 8) * 0x1p-24F - 0.5F;
      }
      append_kv(head(unit.kv_head), p, key.data(), value.data());
    }
  }
}

void CachedAttention::run_rank(int rank) {
  const long group = shape_.heads / shape_.kv_heads, size = shape_.head_size;
  const long stride = shape_.heads * size;
  for (const AttentionPiece& piece : schedule_.pieces[static_cast<std::size_t>(rank)]) {
    const long kv_head = schedule_.units[static_cast<std::size_t>(piece.unit)].kv_head;
    const QueryBlock block{
        queries_.data() + kv_head * group * size, stride, 1, group, shape_.positions - 1, 0};
    attention(head(kv_head), block, piece.first_position, piece.last_position, partial(piece.slot));
  }
  team_.barrier(rank);
  const auto [first, last] =
      share_of(static_cast<long>(schedule_.units.size()), rank, team_.size());
  for (long i = first; i < last; ++i) {
    const AttentionUnit& unit = schedule_.units[static_cast<std::size_t>(i)];
    merge_attention(partial(unit.first_slot), group * (size + 2), unit.slots, size, 1, group,
                    result_.data() + unit.kv_head * group * size, stride);
  }
  team_.barrier(rank);
}

void CachedAttention::check() const {
  for (const float value : result_) {
    if (std::fabs(value - kValue) < 1e-3F) continue;  // sums of f32, and values exact in f16
    throw Error(ErrorCode::kFailure,
                fmt::format("attention over equal values of {} gave {}", kValue, value));
  }
}

}  // namespace mb

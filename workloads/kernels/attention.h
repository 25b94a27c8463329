// Grouped-query attention with an online softmax (one pass over keys and values, a running maximum
// and sum a row), for the query rows that share one KV head: decode's single token or a block of a
// prompt's tokens. A call works on a range of positions and leaves a partial result, so that a
// team can split one head's positions; merge_attention joins partials and normalises.
//
// Keys are kept transposed in panels of 16 positions, so that scores of 16 positions are one vector
// and need no sum across lanes; values are row-major. Bytes are those of a plain cache. q8_0 is
// read as f32: a tile is unpacked into the L1 or L2 first, which its rows then share.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mb {

enum class KvType { kF16, kF32, kQ8_0 };

inline constexpr long kKeyPanel = 16;  // positions whose keys are interleaved
inline constexpr long kAttentionTile =
    64;  // positions per step of the softmax; capacity's multiple
inline constexpr long kMaxAttentionRows = 32;  // query rows of one call
inline constexpr long kMaxHeadSize = 256;

// One KV head's cache. Element j of position p: keys[(p / 16 * head_size + j) * 16 + p % 16],
// values[p * head_size + j]. Capacity is a multiple of kAttentionTile and all of it is finite.
// q8_0: each panel of 16 positions has its int8 values so, then the f16 scales of its blocks of 32
// elements, as keys[block * 16 + p % 16] and values[p % 16 * head_size / 32 + block].
struct KvHead {
  KvType type = KvType::kF16;
  std::byte* keys = nullptr;
  std::byte* values = nullptr;
  long head_size = 0;
};
constexpr long kv_head_bytes(KvType type, long head_size, long capacity) {  // keys or values
  const long elements = capacity * head_size;
  return type == KvType::kQ8_0 ? elements / 32 * 34 : elements * (type == KvType::kF16 ? 2 : 4);
}

// `tokens` x `group` query rows: row t * group + g starts at queries + t * token_stride +
// g * head_size. Token t stands at position first_position + t and sees itself and what is before,
// at most `window` positions in all (0: no window).
struct QueryBlock {
  const float* queries = nullptr;
  long token_stride = 0, tokens = 0, group = 0;
  long first_position = 0, window = 0;
  long rows() const { return tokens * group; }
};

// Of each row over some positions: sum of exp(score - maximum) * value, the maximum, and the sum of
// exp(score - maximum).
struct AttentionPartial {
  float* values = nullptr;  // rows x head_size
  float* maxima = nullptr;
  float* weights = nullptr;
};

// Positions [first, last), first a multiple of kAttentionTile. At most kMaxAttentionRows rows.
void attention(const KvHead& head, const QueryBlock& block, long first, long last,
               const AttentionPartial& out);

// Joins `count` partials, the next `part_stride` floats behind the one before (all three pointers);
// row t * group + g goes to out + t * token_stride + g * head_size, as the queries came.
void merge_attention(const AttentionPartial& parts, long part_stride, long count, long head_size,
                     long tokens, long group, float* out, long token_stride);

// Appends one position. Rounds to the cache's type.
void append_kv(const KvHead& head, long position, const float* key, const float* value);

// The whole attention of a block, normalised, one score at a time.
void attention_scalar(const KvHead& head, const QueryBlock& block, float* out);
void append_kv_scalar(const KvHead& head, long position, const float* key, const float* value);

}  // namespace mb

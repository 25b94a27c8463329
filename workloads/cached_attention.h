// Attention of one layer over a KV cache as a step of its own: every rank attends over its share of
// the positions, a barrier, every rank joins its share of the units, a barrier. One new token's
// queries on `positions` cached ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "workloads/attention_schedule.h"
#include "workloads/team.h"

namespace mb {

struct CacheShape {
  long heads = 0, kv_heads = 0, head_size = 0;
  long positions = 0;  // that the token sees, itself included
  KvType type = KvType::kF16;
  std::int64_t bytes() const;        // to be given: whole tiles
  std::int64_t read_bytes() const {  // of one pass
    return 2 * kv_heads * kv_head_bytes(type, head_size, positions);
  }
  // Two FLOP each for query x key and for probability x value.
  double flops() const { return 4.0 * static_cast<double>(heads * head_size * positions); }
};

class CachedAttention {
 public:
  // `memory` holds shape.bytes() and outlives this. Filled by the ranks that will read it: random
  // keys, and values that are all kValue, so that the right result is known for any keys.
  CachedAttention(const CacheShape& shape, std::byte* memory, Team& team);

  void run_rank(int rank);  // inside a region of the team
  // Throws Error(kFailure) when a result is not kValue.
  void check() const;

  static constexpr float kValue = 0.75F;

 private:
  KvHead head(long index) const;
  AttentionPartial partial(long slot) const;
  void fill(int rank);

  CacheShape shape_;
  std::byte* memory_;
  Team& team_;
  AttentionSchedule schedule_;
  std::vector<float> queries_, result_;
  mutable std::vector<float> partials_;
};

}  // namespace mb

// How a team shares one layer's attention: units are (KV head x block of tokens), each as long as
// the positions it sees; all units are laid end to end in tiles of 64 positions and cut evenly, so
// one token on a long cache and a long prompt on an empty one both load every rank alike. A unit
// that is cut leaves several partial results, joined after a barrier.
#pragma once
#include <vector>

#include "workloads/kernels/attention.h"

namespace mb {

struct AttentionShape {
  long kv_heads = 0, group = 0;  // query heads = kv_heads * group
  long rows = 1, cached = 0;     // new tokens, positions before them
  long window = 0;               // 0: none
};

struct AttentionUnit {
  long kv_head = 0, first_token = 0, tokens = 0;
  long first_position = 0, last_position = 0;  // absolute; the first a multiple of the tile
  long first_slot = 0, slots = 0;              // its partial results
};

struct AttentionPiece {  // of one unit, for one rank
  long unit = 0, slot = 0;
  long first_position = 0, last_position = 0;
};

struct AttentionSchedule {
  std::vector<AttentionUnit> units;
  std::vector<std::vector<AttentionPiece>> pieces;  // by rank
  long slots = 0;
};

AttentionSchedule schedule_attention(const AttentionShape& shape, int ranks);
// Slots that any schedule of this many rows needs at most, whatever is cached.
long most_attention_slots(const AttentionShape& shape, int ranks);
// Query rows of the largest unit.
long attention_unit_rows(const AttentionShape& shape);

}  // namespace mb

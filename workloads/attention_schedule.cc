// A tile of a unit costs as much as the unit has rows. Cuts never add more than one piece a rank.
#include "workloads/attention_schedule.h"

#include <algorithm>

#include "workloads/work_split.h"

namespace mb {
namespace {

long block_tokens(const AttentionShape& shape) {
  return std::max(1L, std::min(shape.rows, kMaxAttentionRows / shape.group));
}

}  // namespace

long attention_unit_rows(const AttentionShape& shape) { return block_tokens(shape) * shape.group; }

long most_attention_slots(const AttentionShape& shape, int ranks) {
  const long block = block_tokens(shape);
  return shape.kv_heads * ((shape.rows + block - 1) / block) + ranks;
}

AttentionSchedule schedule_attention(const AttentionShape& shape, int ranks) {
  AttentionSchedule schedule;
  std::vector<WorkItem> items;
  const long block = block_tokens(shape);
  for (long head = 0; head < shape.kv_heads; ++head) {
    for (long token = 0; token < shape.rows; token += block) {
      AttentionUnit unit{head, token, std::min(block, shape.rows - token)};
      const long seen_by_first = shape.cached + token + 1;
      const long hidden = shape.window > 0 ? std::max(0L, seen_by_first - shape.window) : 0;
      unit.first_position = hidden / kAttentionTile * kAttentionTile;
      unit.last_position = shape.cached + token + unit.tokens;
      const long span = unit.last_position - unit.first_position;
      items.push_back({(span + kAttentionTile - 1) / kAttentionTile,
                       static_cast<double>(unit.tokens * shape.group)});
      schedule.units.push_back(unit);
    }
  }
  const auto split = split_work(items, ranks);
  schedule.pieces.resize(static_cast<std::size_t>(ranks));
  for (std::size_t rank = 0; rank < split.size(); ++rank) {
    for (const WorkRange& range : split[rank]) {
      AttentionUnit& unit = schedule.units[static_cast<std::size_t>(range.item)];
      if (unit.slots++ == 0) unit.first_slot = schedule.slots;
      schedule.pieces[rank].push_back(
          {range.item, schedule.slots++, unit.first_position + range.first * kAttentionTile,
           std::min(unit.last_position, unit.first_position + range.last * kAttentionTile)});
    }
  }
  return schedule;
}

}  // namespace mb

// Attention of single query rows in engines that go through the cache once for each query head, as
// ggml does, against our kernel, which reads each key once for all heads that share it. What such
// an engine pays for a head and a cached position:
//
//   arithmetic   in proportion to the head's elements, and to some more that stand for the softmax
//                and the loop; elements past the last whole vector are done one by one
//   waiting      a key row that is not in the core's cache is a load that nothing foretells: rows
//                of one head lie as far apart as all heads' rows are wide. The first pass over a
//                key head finds its rows where all of a step's bytes live, the passes of the other
//                query heads that share it wherever one head's keys and values fit
//
// Measured with models of one width and many heads (docs/likeness-zen4.md): 8 layers, heads of 64
// to 256 elements, 1 to 32 key heads, 1 to 8 query heads on each, 512 to 8,192 positions.
#pragma once
#include <optional>

#include "reports/model/machine_model.h"
#include "reports/model/measured.h"

namespace mb {

// Seconds of a head of so many elements over those of one whose cost is in proportion to its
// elements and the same at 128.
double row_cost(const AttentionRow& row, double head_elements);

// Share of a load's time that a key row makes the core wait: little where a row is two lines, since
// several positions are under way at once then; none where rows of one head follow each other.
double row_exposure(double row_bytes, double kv_heads);

// Of so many positions the share of the thread that has the most; nothing where heads are shared
// out instead.
std::optional<double> busiest_share(const AttentionParts& parts, double positions, double threads);

struct RowPasses {
  double seconds = 0;         // of one head and position, arithmetic alone
  double passes = 1;          // of one thread over the same key head
  double step_bytes = 0;      // everything that a step goes through
  double key_head_bytes = 0;  // keys and values of one key head
  double row_bytes = 0, kv_heads = 1;
};
// Seconds of one head and position with the waiting; without measured latencies arithmetic alone.
double with_waiting(const AttentionRow& row, const MeasuredCurves& curves, const RowPasses& of);

}  // namespace mb

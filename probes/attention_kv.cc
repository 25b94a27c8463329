// Attention throughput against the KV cache: one new token's queries over `positions` cached ones,
// from a cache in L1 to one in DRAM, on one core and on many.
//
// Geometry of a common 4 to 8 billion parameter model: 32 heads on 8 KV heads of 128 elements, f16
// (kv_type: f16, f32 or q8_0): 4,096 bytes a position, one layer. All positions of all KV heads are
// shared out evenly; a barrier stands between attending and joining the parts, and one behind, as
// in a step. The cache is read again in every iteration, so its size decides what serves it (note
// "served_by"): the smallest level whose caches of the cores in use hold their shares.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "data/error.h"
#include "probes/core/probe.h"
#include "workloads/cached_attention.h"
#include "workloads/kernels/isa.h"
#include "workloads/step_plan.h"

namespace {

constexpr long kHeads = 32, kKvHeads = 8, kHeadSize = 128;

// By the sizes that the machine document has: L1 and L2 are a core's own, of the L3 all domains
// count.
std::string served_by(const mb::Machine& machine, double bytes, const mb::PinnedTeam& team) {
  std::set<int> cores;  // two threads of one core share its L1 and L2
  for (const mb::Pu& pu : machine.pus) {
    if (std::ranges::count(team.pus(), pu.os_index) > 0) cores.insert(pu.core);
  }
  const double share = bytes / static_cast<double>(std::max<std::size_t>(cores.size(), 1));
  for (const int level : {1, 2}) {
    const auto cache = machine.cache_bytes(level);
    if (cache && share <= static_cast<double>(*cache)) return fmt::format("L{}", level);
  }
  return bytes <= static_cast<double>(machine.last_level_cache_total_bytes()) ? "L3" : "dram";
}

class AttentionCase final : public mb::Case {
 public:
  AttentionCase(const mb::Machine& machine, mb::PinnedTeam& team, const mb::CacheShape& shape)
      : team_(team),
        buffer_(static_cast<std::size_t>(shape.bytes()), mb::PageKind::kTransparentHuge),
        attention_(shape, buffer_.data(), team) {
    quantity = "throughput";
    unit = mb::Unit::kFlopsPerSecond;
    amount_per_iteration = shape.flops();
    facts["heads"] = static_cast<double>(shape.heads);
    facts["kv_heads"] = static_cast<double>(shape.kv_heads);
    facts["head_size"] = static_cast<double>(shape.head_size);
    notes["isa"] = mb::chosen_isa();
    notes["kv_type"] = mb::to_string(shape.type);
    notes["served_by"] = served_by(machine, static_cast<double>(shape.read_bytes()), team);
    notes["page_obtained"] = mb::to_string(buffer_.obtained());
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed([this, iterations](int rank) {
      for (std::uint64_t i = 0; i < iterations; ++i) attention_.run_rank(rank);
    });
  }

  void check() override { attention_.check(); }

 private:
  mb::PinnedTeam& team_;
  mb::Buffer buffer_;
  mb::CachedAttention attention_;
};

std::unique_ptr<mb::Case> prepare(const mb::PlannedPoint& point, mb::Kit& kit) {
  const std::string operation = point.parameters.text_or("operation", "attention");
  if (operation != "attention") {
    throw mb::Error(mb::ErrorCode::kUsage,
                    fmt::format("operation '{}': expected attention", operation));
  }
  const long positions = point.parameters.number_or("positions", 1000);
  if (positions < 1) {
    throw mb::Error(mb::ErrorCode::kUsage,
                    fmt::format("positions {}: expected at least 1", positions));
  }
  const mb::KvType type = mb::kv_type_from_string(point.parameters.text_or("kv_type", "f16"));
  const mb::CacheShape shape{kHeads, kKvHeads, kHeadSize, positions, type};
  kit.require_memory(shape.bytes());
  return std::make_unique<AttentionCase>(kit.machine(), kit.team(point.parameters), shape);
}

}  // namespace

int main(int argc, char** argv) {
  return mb::probe_main(argc, argv,
                        {"attention_kv",
                         "Attention FLOP/s of one token's queries against the positions in the KV "
                         "cache",
                         prepare});
}

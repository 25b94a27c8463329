// What prefill_scaling and decode_scaling share: a step of a model on a chain of its layers, its
// memory, and the facts of the point.
//
// The chain's buffer is kept from point to point, since new pages cost more than the step on small
// machines; where there are several NUMA nodes each point gets fresh pages, so that every rank's
// part lies on its own node.
#pragma once
#include <fmt/format.h>

#include <memory>
#include <string>

#include "data/error.h"
#include "probes/core/probe.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/matmul_panels.h"
#include "workloads/step.h"

namespace mb {

class StepCase final : public Case {
 public:
  StepCase(PinnedTeam& team, const StepPlan& plan, std::byte* memory)
      : team_(team), step_(plan, memory, team) {
    facts["layers"] = static_cast<double>(plan.request().layers);
    facts["layers_full"] = static_cast<double>(plan.shape().layers);
    facts["weight_bytes"] = static_cast<double>(step_.weight_bytes());
    facts["head_bytes"] = static_cast<double>(step_.head_bytes());
    facts["kv_bytes"] = static_cast<double>(plan.kv_bytes());
    facts["regions"] = step_.operations();
    notes["isa"] = plan.quantised() ? matmul_panels_isa() : chosen_isa();
    notes["type"] = to_string(plan.shape().type);
  }

  double seconds(std::uint64_t iterations) override {
    return team_.timed([this, iterations](int rank) {
      for (std::uint64_t i = 0; i < iterations; ++i) step_.run_rank(rank);
    });
  }

  void check() override { step_.check(); }

 private:
  PinnedTeam& team_;
  Step step_;
};

// Memory of the chain, as huge pages; grows when a point needs more.
inline std::byte* chain_memory(Kit& kit, std::size_t bytes) {
  static Buffer kept;
  kit.require_memory(static_cast<std::int64_t>(bytes));
  const bool fresh = kept.size() < bytes || kit.machine().usable_numa_nodes() > 1;
  if (fresh) {
    kept = Buffer();  // the old one goes first
    kept = Buffer(bytes, PageKind::kTransparentHuge);
  }
  return kept.data();
}

// A step of `rows` new tokens, model, context and layers as the point says.
inline std::unique_ptr<Case> prepare_step(const PlannedPoint& point, Kit& kit, long rows) {
  const Parameters& parameters = point.parameters;
  const std::string operation = parameters.text_or("operation", "step");
  if (operation != "step") {
    throw Error(ErrorCode::kUsage, fmt::format("operation '{}': expected step", operation));
  }
  StepRequest request;
  request.shape = find_model(parameters.text_or("model", "qwen3-4b:q4_0"));
  request.rows = rows;
  request.context = parameters.number_or("context_tokens", rows == 1 ? 512 : 0);
  PinnedTeam& team = kit.team(parameters);
  request.ranks = team.size();
  const Machine& machine = kit.machine();
  // The probes' share of the memory budget, as require_memory has it.
  const ChainLimits limits{machine.last_level_cache_total_bytes(),
                           machine.limits.memory_budget_bytes / 4, point.seconds};
  const long chosen = choose_layers(request.shape, rows, request.context, limits);
  request.layers = parameters.number_or("layers", chosen);
  // Layers alone by default: the chain's time is then proportional to them. head:1 adds the head.
  request.head = parameters.number_or("head", 0) != 0;
  const StepPlan plan(request);
  std::byte* memory = chain_memory(kit, plan.bytes());
  return std::make_unique<StepCase>(team, plan, memory);
}

}  // namespace mb

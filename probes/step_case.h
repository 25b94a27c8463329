// What prefill_scaling and decode_scaling share: a step of a model on a chain of its layers, its
// memory, and the facts of the point.
//
// The chain's buffer is kept from point to point, since new pages cost more than the step on small
// machines; where there are several NUMA nodes each point gets fresh pages, so that every rank's
// part lies on its own node.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "data/error.h"
#include "probes/core/probe.h"
#include "probes/profile_step.h"
#include "workloads/kernels/isa.h"
#include "workloads/kernels/matmul_panels.h"
#include "workloads/step.h"

namespace mb {

class StepCase final : public Case {
 public:
  // blocks: steps one after the other, each on the cache that the one before left (the plan has
  // room for their growth). profile: 0 none, 1 by kind of operation, 2 also by layer, of the last.
  StepCase(Kit& kit, PinnedTeam& team, const StepPlan& plan, std::byte* memory, long blocks,
           long profile)
      : kit_(kit), team_(team), step_(plan, memory, team), blocks_(blocks), profile_(profile) {
    facts["layers"] = static_cast<double>(plan.request().layers);
    facts["layers_full"] = static_cast<double>(plan.shape().layers);
    facts["weight_bytes"] = static_cast<double>(step_.weight_bytes());
    facts["head_bytes"] = static_cast<double>(step_.head_bytes());
    facts["kv_bytes"] = static_cast<double>(plan.kv_bytes());
    facts["regions"] = step_.operations();
    notes["isa"] = multiply_isa(plan.layers().front().q.weights.type());
    notes["type"] = to_string(plan.shape().type);
    notes["model_spec"] = plan.shape().spec();
  }

  double seconds(std::uint64_t iterations) override {
    if (blocks_ > 1) return seconds_of_blocks(iterations);
    return team_.timed([this, iterations](int rank) {
      for (std::uint64_t i = 0; i < iterations; ++i) step_.run_rank(rank);
    });
  }

  void check() override {
    step_.check();
    if (profile_ > 0) add_profile(step_, team_, kit_.machine(), profile_ > 1, *this);
  }

 private:
  // Going to a block's context shares attention out anew, which engines do beside their steps.
  double seconds_of_blocks(std::uint64_t iterations) {
    const StepRequest& request = step_.plan().request();
    double sum = 0;
    for (std::uint64_t i = 0; i < iterations; ++i) {
      for (long block = 0; block < blocks_; ++block) {
        step_.move_to(request.context + block * request.rows_per_sequence());
        const bool last = block + 1 == blocks_;
        sum += team_.timed(
            [this, last](int rank) { last ? step_.run_rank(rank) : step_.run_layers_rank(rank); });
      }
    }
    return sum;
  }

  Kit& kit_;
  PinnedTeam& team_;
  Step step_;
  long blocks_;
  long profile_;
};

// Memory of the chain; grows when a point needs more.
inline std::byte* chain_memory(Kit& kit, std::size_t bytes, PageKind page) {
  static Buffer kept;
  static PageKind kept_page = PageKind::kTransparentHuge;
  kit.require_memory(static_cast<std::int64_t>(bytes));
  const bool fresh =
      kept.size() < bytes || kept_page != page || kit.machine().usable_numa_nodes() > 1;
  if (fresh) {
    kept = Buffer();  // the old one goes first
    kept = Buffer(bytes, page);
    kept_page = page;
  }
  return kept.data();
}

// What a point says of its step beside rows, model and layers.
inline void read_options(const Parameters& parameters, StepRequest& request) {
  request.kv_type = kv_type_from_string(parameters.text_or("kv_type", "f16"));
  request.first_touch = first_touch_from_string(parameters.text_or("first_touch", "reader"));
  request.pick = pick_from_string(parameters.text_or("pick", "none"));
  // Layers alone by default: the chain's time is then proportional to them. head:1 adds the head.
  request.head = parameters.number_or("head", 0) != 0 || request.pick != Pick::kNone;
}

// A step of `rows` new tokens on this team, of one sequence or one of each, or `blocks` such steps
// in a row; model, context, layers, pages and what else as the point says.
inline std::unique_ptr<Case> prepare_step_on(PinnedTeam& team, const PlannedPoint& point, Kit& kit,
                                             long rows, long sequences, long blocks = 1) {
  const Parameters& parameters = point.parameters;
  StepRequest request;
  request.shape = find_model(parameters.text_or("model", "qwen3-4b:q4_0"));
  request.rows = rows;
  request.sequences = sequences;
  request.context = parameters.number_or("context_tokens", rows == sequences ? 512 : 0);
  request.growth = (blocks - 1) * request.rows_per_sequence();
  read_options(parameters, request);
  request.ranks = team.size();
  const Machine& machine = kit.machine();
  // The probes' share of the memory budget, as require_memory has it.
  // A point that is held for minutes needs no longer chain than one of seconds.
  constexpr double kMostChainSeconds = 2;
  const double seconds = parameters.has("sustain_seconds")
                             ? std::min(point.seconds, kMostChainSeconds)
                             : point.seconds;
  const ChainLimits limits{machine.last_level_cache_total_bytes(),
                           machine.limits.memory_budget_bytes / 4,
                           seconds / static_cast<double>(blocks)};
  const long chosen = choose_layers(request, limits);
  request.layers = parameters.number_or("layers", chosen);
  const StepPlan plan(request);
  const PageKind page = page_kind_from_string(parameters.text_or("page", "thp"));
  std::byte* memory = chain_memory(kit, plan.bytes(), page);
  return std::make_unique<StepCase>(kit, team, plan, memory, blocks,
                                    parameters.number_or("profile", 0));
}

// The same on the team that the point names.
inline std::unique_ptr<Case> prepare_step(const PlannedPoint& point, Kit& kit, long rows,
                                          long sequences, long blocks = 1) {
  const std::string operation = point.parameters.text_or("operation", "step");
  if (operation != "step") {
    throw Error(ErrorCode::kUsage, fmt::format("operation '{}': expected step", operation));
  }
  return prepare_step_on(kit.team(point.parameters), point, kit, rows, sequences, blocks);
}

}  // namespace mb

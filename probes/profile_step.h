// Seconds of each operation of a step, by rank 0's clock between the barriers, and what of a step's
// profile goes into a point. Reading the clock adds some 30 ns an operation.
#pragma once
#include <fmt/format.h>

#include <numeric>
#include <vector>

#include "data/documents/results.h"
#include "probes/core/probe.h"
#include "probes/core/team_base.h"
#include "workloads/step_profile.h"

namespace mb {

// The median over `repeats` steps of each operation's seconds, in the order of the step.
inline std::vector<double> operation_seconds(Step& step, PinnedTeam& team, int repeats) {
  const auto count = static_cast<std::size_t>(step.operations());
  std::vector<double> ends(count + 1);
  std::vector<std::vector<double>> seen(count);
  for (int repeat = 0; repeat < repeats; ++repeat) {
    team.run([&](int rank) {
      team.barrier(rank);
      if (rank == 0) ends[0] = team_clock_seconds();
      step.run_rank(rank, [&](int index) {
        ends[static_cast<std::size_t>(index) + 1] = team_clock_seconds();
      });
    });
    for (std::size_t i = 0; i < count; ++i) seen[i].push_back(ends[i + 1] - ends[i]);
  }
  std::vector<double> medians;
  for (const std::vector<double>& all : seen) {
    medians.push_back(summarise(all, Unit::kSeconds).median);
  }
  return medians;
}

inline std::vector<OperationTotal> profile_step(Step& step, PinnedTeam& team, int repeats) {
  return total_by_name(describe_operations(step), operation_seconds(step, team, repeats));
}

// Facts NAME_seconds, NAME_flops, NAME_bytes, NAME_weight_bytes, NAME_kv_bytes of every kind of
// operation; by_layer: of every operation, as layer0_NAME_seconds, and its _share of the step.
// Notes NAME_served_by: what its weights or its cache came from, by what goes by between two uses
// of a byte (in decode all that a token touches, in prefill the weights, or one layer's cache;
// activations by their own size).
inline void add_profile(Step& step, PinnedTeam& team, const Machine& machine, bool by_layer,
                        Case& into) {
  constexpr int kRepeats = 5;
  const std::vector<OperationWork> operations = describe_operations(step);
  const std::vector<double> seconds = operation_seconds(step, team, kRepeats);
  const auto add = [&](const std::string& name, const OperationWork& work, double time) {
    into.facts[name + "_seconds"] = time;
    into.facts[name + "_flops"] = work.flops;
    into.facts[name + "_bytes"] = work.bytes();
    into.facts[name + "_weight_bytes"] = work.weight_bytes;
    into.facts[name + "_kv_bytes"] = work.kv_bytes;
  };
  const auto level_of = [&](double bytes) {
    if (bytes <= static_cast<double>(machine.cache_bytes(2).value_or(0) * team.size())) return "L2";
    return bytes <= static_cast<double>(machine.last_level_cache_total_bytes()) ? "L3" : "dram";
  };
  const double weights = static_cast<double>(step.weight_bytes());
  const double cache = static_cast<double>(step.plan().kv_bytes());
  const bool prefill = step.plan().request().rows_per_sequence() > 1;
  for (const OperationTotal& total : total_by_name(operations, seconds)) {
    const std::string name(total.work.name);
    add(name, total.work, total.seconds);
    double between = total.work.activation_bytes / static_cast<double>(step.plan().layers().size());
    if (total.work.weight_bytes > 0) between = prefill ? weights : weights + cache;
    if (total.work.kv_bytes > 0) {
      between =
          prefill ? cache / static_cast<double>(step.plan().layers().size()) : weights + cache;
    }
    into.notes[name + "_served_by"] = level_of(between);
  }
  const double all = std::reduce(seconds.begin(), seconds.end());
  for (std::size_t i = 0; by_layer && i < operations.size(); ++i) {
    const std::string kind(operations[i].name);
    const std::string name = fmt::format("layer{}_{}", operations[i].layer, kind);
    add(name, operations[i], seconds[i]);
    into.facts[name + "_share"] = all > 0 ? seconds[i] / all : 0;
    into.notes[name + "_served_by"] = into.notes[kind + "_served_by"];
  }
}

}  // namespace mb

// Teams by (PUs, sync) and the memory account. A team that has failed is made anew.
#include "probes/core/kit.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/error.h"

namespace mb {
namespace {

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

PinnedTeam& ProbeKit::team(const Parameters& parameters) {
  const auto threads = static_cast<int>(parameters.number_or("threads", 1));
  if (threads < 1) throw Error(ErrorCode::kUsage, "threads: expected at least 1");
  const Placement placement = placement_from_string(parameters.text_or("placement", "spread"));
  return team(place(machine_, threads, placement),
              sync_from_string(parameters.text_or("sync", "spin")));
}

PinnedTeam& ProbeKit::team(const std::vector<int>& pus, Sync sync) {
  std::unique_ptr<PinnedTeam>& team = teams_[{pus, sync}];
  if (!team) team = make_team(pus, sync);
  if (std::ranges::find(in_use_, team.get()) == in_use_.end()) in_use_.push_back(team.get());
  return *team;
}

PinnedTeam& ProbeKit::team_of_node(const Parameters& parameters, const char* node) {
  if (parameters.has("cpu_node") != parameters.has("memory_node")) {
    throw Error(ErrorCode::kUsage, "cpu_node and memory_node: expected both or neither");
  }
  const auto wanted = parameters.number(node);
  if (!wanted) return team(parameters);
  const auto threads = static_cast<int>(parameters.number_or("threads", 1));
  const std::vector<int> pus = place_on_node(machine_, static_cast<int>(*wanted), threads);
  if (pus.empty()) {
    throw Error(ErrorCode::kNotAvailable,
                fmt::format("NUMA node {} has no CPU that may be used here; allow one of each node",
                            *wanted));
  }
  return team(pus, sync_from_string(parameters.text_or("sync", "spin")));
}

void ProbeKit::require_memory(std::int64_t bytes) {
  const std::int64_t share = machine_.limits.memory_budget_bytes / kMemoryShareDivisor;
  if (bytes > share - required_bytes_) {
    throw Error(ErrorCode::kNoResource,
                fmt::format("needs {:.0f} MiB, budget {:.0f} MiB (a quarter of the {:.0f} MiB that "
                            "this process may use); free memory or raise its limit",
                            mebibytes(required_bytes_ + bytes), mebibytes(share),
                            mebibytes(machine_.limits.memory_budget_bytes)));
  }
  required_bytes_ += bytes;
}

void ProbeKit::begin_point() {
  in_use_.clear();
  required_bytes_ = 0;
}

}  // namespace mb

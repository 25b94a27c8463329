// The Kit that probe_main hands to prepare: the machine, teams kept between points, and the memory
// account of the point that is being prepared.
#pragma once
#include <map>
#include <utility>
#include <vector>

#include "probes/core/probe.h"

namespace mb {

// Buffers of a probe never take more of the memory budget, so that a campaign's peak stays under
// it.
inline constexpr std::int64_t kMemoryShareDivisor = 4;

class ProbeKit final : public Kit {
 public:
  explicit ProbeKit(Machine machine) : machine_(std::move(machine)) {}

  const Machine& machine() const override { return machine_; }
  PinnedTeam& team(const Parameters& parameters) override;
  PinnedTeam& team(const std::vector<int>& pus, Sync sync) override;
  PinnedTeam& team_of_node(const Parameters& parameters, const char* node) override;
  void require_memory(std::int64_t bytes) override;

  // A new point: its memory account is empty and it has asked for no team.
  void begin_point();
  // The teams that the present point has asked for, each once.
  const std::vector<PinnedTeam*>& teams_in_use() const { return in_use_; }

 private:
  Machine machine_;
  std::map<std::pair<std::vector<int>, Sync>, std::unique_ptr<PinnedTeam>> teams_;
  std::vector<PinnedTeam*> in_use_;
  std::int64_t required_bytes_ = 0;
};

}  // namespace mb

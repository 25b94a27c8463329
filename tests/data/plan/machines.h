// Small machines made by hand for tests of pure functions: packages x L3 domains x cores x SMT.
#pragma once
#include "data/documents/machine.h"

namespace mb {

inline Machine make_machine(int packages, int domains_per_package, int cores_per_domain, int smt,
                            std::int64_t l3_bytes = 32 << 20) {
  Machine machine;
  machine.cpu_model = "Test CPU";
  machine.isa = "x86_64";
  const int cores = packages * domains_per_package * cores_per_domain;
  for (int rank = 0; rank < smt; ++rank) {  // Linux numbers the siblings after all cores
    for (int core = 0; core < cores; ++core) {
      Pu pu;
      pu.os_index = rank * cores + core;
      pu.core = core;
      pu.l3_domain = core / cores_per_domain;
      pu.package = pu.l3_domain / domains_per_package;
      pu.numa_node = pu.package;
      pu.smt_rank = rank;
      machine.pus.push_back(pu);
    }
  }
  machine.core_kinds = {"core"};
  machine.caches = {{1, 32 << 10, cores, smt, 64},
                    {2, 1 << 20, cores, smt, 64},
                    {3, l3_bytes, packages * domains_per_package, cores_per_domain * smt, 64}};
  for (int node = 0; node < packages; ++node) machine.numa_nodes.push_back({node, 16LL << 30});
  Limits& limits = machine.limits;
  limits.installed_cpus = limits.affinity_cpus = limits.effective_cpus = cores * smt;
  limits.memory_total_bytes = limits.memory_available_bytes = limits.memory_budget_bytes =
      static_cast<std::int64_t>(packages) * (16LL << 30);
  limits.shm_total_bytes = limits.shm_free_bytes = 8LL << 30;
  return machine;
}

}  // namespace mb

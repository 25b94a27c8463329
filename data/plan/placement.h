// Which PUs a team of T threads uses: a pure function of the machine document, so that planning,
// probes and advice agree. (It is here and not in probes/core because advice needs the CPU list.)
//
// spread:  one thread per core first, fastest core kind first, dealt round-robin over packages,
//          NUMA nodes and L3 domains; only when every usable core has one, the second PUs in the
//          same order.
// compact: fill a core's PUs, then its L3 domain, then its node, before the next.
// l3_domain, numa_node: as spread, but inside the one domain or node with the most usable cores.
#pragma once
#include <string_view>
#include <vector>

#include "data/documents/machine.h"

namespace mb {

enum class Placement { kSpread, kCompact, kL3Domain, kNumaNode };
std::string_view to_string(Placement placement);
Placement placement_from_string(std::string_view text);  // throws Error(kUsage)

// OS indices of `threads` usable PUs. More threads than usable PUs wraps around (oversubscription,
// which only dispatch probes ask for).
std::vector<int> place(const Machine& machine, int threads, Placement placement);

// As spread, inside NUMA node `node` (index into Machine::numa_nodes); empty when it has no usable
// PU.
std::vector<int> place_on_node(const Machine& machine, int node, int threads);

// PUs for cores x threads_per_core: smt_interference's two sides. Empty when not possible here.
std::vector<int> place_on_cores(const Machine& machine, int cores, int threads_per_core);

}  // namespace mb

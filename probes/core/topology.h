// The hardware as hwloc sees it, turned into the plain types of the machine document. topology.cc
// is the only file that includes hwloc, and no hwloc type leaves it.
//
// Three sources give the same result type: this machine, an hwloc XML file, and a synthetic
// description ("pack:2 l3:1 core:16 pu:2"); the last two feed tests and need no such hardware.
// Every PU lies in exactly one core, package, NUMA node and L3 domain.
#pragma once
#include <string>
#include <vector>

#include "data/documents/machine.h"

namespace mb {

struct TopologySource {
  enum class Kind { kThisMachine, kXmlFile, kSynthetic };
  Kind kind = Kind::kThisMachine;
  std::string text;  // path of the XML file, or the synthetic description
};

struct Topology {
  std::vector<Pu> pus;  // in hwloc's logical order; usable where the source does not disallow it
  std::vector<Cache> caches;
  std::vector<NumaNode> numa_nodes;
  std::vector<std::string> core_kinds;
  std::string cpu_model;  // empty: the source does not say
  std::string isa;        // x86_64, aarch64 ...; empty: the source does not say
};

// Throws Error(kFailure) naming the source when hwloc cannot load it.
Topology load_topology(const TopologySource& source);

std::string hwloc_version();  // "2.9.0"

}  // namespace mb

// Puts the machine document together: topology, limits, and what the system says of itself (OS,
// kernel, hypervisor, microcode, cloud label, governor, huge pages). What could not be had is
// listed with its cause and a remedy, never left as a zero.
#pragma once
#include "data/documents/machine.h"
#include "data/system/files.h"
#include "probes/core/limits.h"
#include "probes/core/topology.h"

namespace mb {

// This machine, for this process's limits. Never uses a network (instance_metadata.h does).
Machine describe_machine();

Machine describe_machine(const HostFiles& files, const SystemFacts& facts,
                         const TopologySource& source);

}  // namespace mb

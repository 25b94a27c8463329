// What this process may use of the machine: CPUs and memory, each with where it was read.
//
// CPUs: the affinity mask, cut by the cpuset, then by the smallest CPU quota of any cgroup from our
// own up to the root of the mount (v1, v2 or both mounted side by side); a quota is rounded down,
// because one thread more than the quota is throttled for part of every period.
// Memory: MemAvailable, the smallest room under any cgroup's limit, the address space.
//
// What only system calls tell is gathered apart (SystemFacts), so that tests put their own beside a
// folder of fixture files.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/documents/machine.h"
#include "data/system/files.h"

namespace mb {

struct SystemFacts {
  std::vector<int> affinity;                        // sched_getaffinity: online CPUs we may run on
  std::optional<std::int64_t> address_space_bytes;  // smaller of RLIMIT_AS and RLIMIT_DATA
  std::optional<std::int64_t> shm_total_bytes, shm_free_bytes;  // nullopt: no tmpfs on /dev/shm
  std::string kernel_release, isa;                              // uname
  std::string hypervisor_vendor;  // of CPUID leaf 0x40000000; empty: none
};
// To be called before the calling thread is pinned: its mask is taken for the process's.
SystemFacts read_system_facts();

struct LimitsReading {
  Limits limits;
  std::vector<int> usable_cpus;  // OS indices: installed, inside affinity and cpuset; sorted
  std::vector<Missing> missing;  // limit files that exist and could not be understood
};
// installed: OS indices of the machine's online PUs, as its topology says.
LimitsReading read_limits(const HostFiles& files, const SystemFacts& facts,
                          const std::vector<int>& installed);

// "0-3,8,10-11" -> {0,1,2,3,8,10,11}; nullopt for anything else. Empty text is an empty list.
std::optional<std::vector<int>> parse_cpu_list(std::string_view text);

}  // namespace mb

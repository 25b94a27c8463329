// What a machine is: the first part of a results document, written by the `machine` probe and all
// that planning, placement and the model know of hardware. Plain data; no hwloc type leaves
// probes/core. Absent facts are std::nullopt, never zero. Bytes are bytes, capacities binary.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mb {

// One processing unit (hardware thread), in hwloc's logical order.
struct Pu {
  int os_index = 0;    // what sched_setaffinity and taskset call it
  int core = 0;        // index of its core, counted over the machine
  int package = 0;     // index of its package (socket)
  int numa_node = 0;   // index into Machine::numa_nodes
  int l3_domain = 0;   // PUs that share a last-level cache; a package where there is no L3
  int smt_rank = 0;    // 0 for the first PU of its core, 1 for its sibling ...
  int core_kind = 0;   // 0 = fastest class of cores; 1.. = efficiency classes of hybrids
  bool usable = true;  // in the effective affinity and cpuset of this process
  bool operator==(const Pu&) const = default;
};

struct Cache {
  int level = 0;             // 1, 2, 3, 4; data or unified only
  std::int64_t bytes = 0;    // of one instance, as the system reports it
  int instances = 0;         // on the whole machine
  int pus_per_instance = 0;  // of the largest instance
  std::optional<int> line_bytes;
  bool operator==(const Cache&) const = default;
};

struct NumaNode {
  int os_index = 0;
  std::optional<std::int64_t> bytes;
  bool operator==(const NumaNode&) const = default;
};

// What this process may use, each limit with where it was read.
struct Limits {
  int installed_cpus = 0;                   // online PUs of the machine
  int affinity_cpus = 0;                    // sched_getaffinity (already inside the cpuset)
  std::optional<double> quota_cpus;         // smallest cgroup quota of the ancestor chain, in CPUs
  std::string quota_source;                 // e.g. "cgroup v2 /a/b/cpu.max"; empty without quota
  int effective_cpus = 1;                   // min of all, quota rounded down, at least 1
  std::string limited_by = "installed";     // installed | affinity | quota
  std::int64_t memory_available_bytes = 0;  // MemAvailable
  std::int64_t memory_total_bytes = 0;      // MemTotal
  std::optional<std::int64_t> memory_limit_bytes;   // smallest cgroup limit minus current use
  std::optional<std::int64_t> address_space_bytes;  // RLIMIT_AS
  std::int64_t memory_budget_bytes = 0;             // min of all, what buffers are planned against
  std::optional<std::int64_t> shm_total_bytes;      // /dev/shm; nullopt: not mounted
  std::optional<std::int64_t> shm_free_bytes;
  bool operator==(const Limits&) const = default;
};

// A fact that could not be had, why, and what a person may do. Shown as it stands.
struct Missing {
  std::string what, cause, remedy;
  bool operator==(const Missing&) const = default;
};

// What came of one event that counters are wanted for.
struct CounterTruth {
  std::string event, what;  // PAPI's name; "cycles"
  std::string set;          // events that are counted together: base memory prefetch dram software
  // counts       a loop of known count was read back within 1 %
  // plausible    no loop of exactly known count, but the count lies where it must
  // multiplexed  counts alone, finds no register beside the others of its set
  // wrong        opened, and read back something else
  // unavailable  could not be opened or started
  std::string state;
  std::optional<std::int64_t> counted, expected;
  std::string cause, remedy;  // of wrong and unavailable
  bool operator==(const CounterTruth&) const = default;
};

struct Machine {
  std::string cpu_model = "unknown";
  std::string isa;  // x86_64 | aarch64 | ...
  std::vector<std::string>
      cpu_features;           // the few that matter: avx2 avx512f avx512_vnni amx_int8 ...
  std::vector<Pu> pus;        // all online PUs, usable or not
  std::vector<Cache> caches;  // by level
  std::vector<NumaNode> numa_nodes;
  std::vector<std::string> core_kinds;  // names by core_kind; one entry on a uniform machine
  Limits limits;

  std::string os;  // "Debian GNU/Linux 12 (bookworm)"
  std::string kernel;
  std::optional<std::string> hypervisor;  // "KVM", nullopt on bare metal or unknown
  std::optional<std::string> microcode;
  // "m7a.2xlarge": by the metadata service when it was asked, else from DMI where the vendor says
  // so
  std::optional<std::string> cloud_label;
  // By the metadata service alone; absent when it was not asked or did not say.
  std::optional<std::string> cloud_life_cycle;  // on-demand | spot ...
  std::optional<std::string> cloud_zone;        // "eu-central-1a"
  std::optional<std::string> governor;
  std::string thp_mode;  // always | madvise | never | unknown
  std::string shmem_thp_mode;
  std::map<std::string, std::int64_t> hugetlb_free_pages;  // "2048kB" -> free pages
  bool pmu_counts = false;  // a counter was opened, run and read back right
  std::vector<Missing> missing;
  std::vector<CounterTruth> counter_truth;  // absent from documents of earlier programs

  // Derived, all over usable PUs only.
  int usable_pus() const;
  int usable_cores() const;  // cores with at least one usable PU
  int usable_packages() const;
  int usable_l3_domains() const;
  int usable_numa_nodes() const;
  bool has_smt() const;  // some usable core has two usable PUs
  bool has_hybrid_cores() const;
  std::optional<std::int64_t> cache_bytes(int level) const;  // of one instance
  // Sum of the last-level caches that usable PUs can reach; at least the largest cache known.
  std::int64_t last_level_cache_total_bytes() const;
  bool operator==(const Machine&) const = default;
};

}  // namespace mb
